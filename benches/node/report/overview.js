// All targets in one picture: how much better than wanted, to the right of the line, or worse, to its left. Twice as
// good is as far from the line as half as good.
'use strict'

const { number } = require('./numbers.js')
const { COLOURS, element, heading, picture, text } = require('./svg.js')

const WIDTH = 860
const LABELS_WIDTH = 500
const HEAD_HEIGHT = 100
const ROW_HEIGHT = 20
const MARGIN = 16
// Beyond this many times better or worse a bar ends; its number says how much it is.
const SCALE_MAX = 8
const FILLS = { met: '#1b4f8f', missed: '#a33a1e' }

function overview(judged) {
  const scored = judged.filter(({ score }) => score !== undefined)
  const sorted = [...scored].sort((one, other) => one.score - other.score)
  const height = HEAD_HEIGHT + sorted.length * ROW_HEIGHT + MARGIN
  const middle = (LABELS_WIDTH + WIDTH - MARGIN) / 2
  const reach = (WIDTH - MARGIN - LABELS_WIDTH) / 2 - 40
  const x = (score) => {
    const distance = Math.log(Math.min(SCALE_MAX, Math.max(1 / SCALE_MAX, score))) / Math.log(SCALE_MAX)
    return middle + distance * reach
  }
  const missed = sorted.filter(({ verdict }) => verdict === 'missed').length
  const parts = [
    ...heading(
      'Targets',
      `${sorted.length - missed} met, ${missed} missed`,
      'times better than wanted, or worse'
    ),
    text(middle - 8, HEAD_HEIGHT - 10, '← missed', { 'text-anchor': 'end', fill: COLOURS.faint }),
    text(middle + 8, HEAD_HEIGHT - 10, 'met →', { fill: COLOURS.faint }),
    ...sorted.flatMap((target, at) => bar(target, HEAD_HEIGHT + at * ROW_HEIGHT, x)),
    element('line', {
      x1: middle,
      x2: middle,
      y1: HEAD_HEIGHT - 6,
      y2: height - MARGIN,
      stroke: COLOURS.text,
    }),
  ]
  const description = sorted.map(({ title, verdict }) => `${title}: ${verdict}`).join('; ')
  return picture({ width: WIDTH, height, title: 'Targets', description }, parts)
}

function bar({ title, score, verdict }, y, x) {
  const isMissed = verdict === 'missed'
  const [from, to] = [Math.min(x(1), x(score)), Math.max(x(1), x(score))]
  const beside = isMissed ? { x: from - 4, 'text-anchor': 'end' } : { x: to + 4 }
  const small = { 'font-size': 11 }
  return [
    text(LABELS_WIDTH - 8, y + 12, title, { 'text-anchor': 'end', ...small }),
    element('rect', { x: from, y: y + 2, width: Math.max(1, to - from), height: 12, fill: FILLS[verdict] }),
    text(beside.x, y + 12, isMissed ? `÷ ${number(1 / score)}` : `× ${number(score)}`, {
      ...small,
      ...beside,
    }),
  ]
}

module.exports = { overview }
