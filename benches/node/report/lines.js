// Figures over time, from zero up.
'use strict'

const { label, number } = require('./numbers.js')
const { COLOURS, element, heading, picture, text } = require('./svg.js')

const WIDTH = 800
const HEIGHT = 280
const LEFT = 80
const RIGHT = 24
const TOP = 84
const BOTTOM = 40
const TICKS = 4
const LINE = '#1b4f8f'

function lines({ title, details, unit, stepSeconds, points }) {
  const most = Math.max(...points) || 1
  const seconds = points.length * stepSeconds
  const x = (at) => LEFT + ((at + 0.5) / points.length) * (WIDTH - LEFT - RIGHT)
  const y = (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM)
  const values = Array.from({ length: TICKS + 1 }, (_, at) => (most * at) / TICKS)
  const grid = values.flatMap((value) => [
    element('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), stroke: COLOURS.line }),
    text(LEFT - 8, y(value) + 4, number(value), { 'text-anchor': 'end', fill: COLOURS.faint }),
  ])
  const course = points.map((value, at) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const below = { y: HEIGHT - 16, fill: COLOURS.faint }
  const parts = [
    ...heading(title, details, `${unit}; more is better`),
    ...grid,
    element('polyline', { points: course, fill: 'none', stroke: LINE, 'stroke-width': 2 }),
    text(LEFT, below.y, '0 s', below),
    text(WIDTH - RIGHT, below.y, `${number(seconds)} s`, { ...below, 'text-anchor': 'end' }),
  ]
  const description = `From ${number(Math.min(...points))} to ${number(most)} ${label(unit)}`
  return picture({ width: WIDTH, height: HEIGHT, title: `${title}, ${details}`, description }, parts)
}

module.exports = { lines }
