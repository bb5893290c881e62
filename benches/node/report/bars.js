// A bar for each candidate, the best one on top: its median, a line from the least to the most, and how it compares
// with the reference, whose median is a line across all of them. Every bar begins at zero.
'use strict'

const { label, number, ratio } = require('./numbers.js')
const { COLOURS, element, heading, picture, text } = require('./svg.js')

const WIDTH = 800
const LABELS_WIDTH = 220
const VALUES_WIDTH = 170
const RATIOS_WIDTH = 76
const MARGIN = 16
const HEAD_HEIGHT = 78
const ROW_HEIGHT = 26
const BAR_HEIGHT = 16
const FILLS = { ours: '#1b4f8f', reference: '#6b7280', other: '#cfd6df' }

// `rows`: { name, kind: 'ours' | 'reference' | 'other', figures: { middle, least, most }, ratio }, where `ratio` is
// the summary of the ratios to the reference, or undefined.
function bars({ title, details, unit, better, rows }) {
  const direction = better === 'more' ? 1 : -1
  const sorted = [...rows].sort((one, other) => direction * (other.figures.middle - one.figures.middle))
  const width = WIDTH - LABELS_WIDTH - VALUES_WIDTH - MARGIN
  const most = Math.max(...rows.map(({ figures }) => figures.most)) || 1
  const x = (value) => LABELS_WIDTH + (value / most) * width
  const height = HEAD_HEIGHT + sorted.length * ROW_HEIGHT + MARGIN
  const parts = [
    ...heading(title, details, `${unit === '' ? '' : `${unit}; `}${better} is better`),
    element('line', { x1: x(0), x2: x(0), y1: HEAD_HEIGHT - 4, y2: height - MARGIN, stroke: COLOURS.line }),
    ...sorted.flatMap((row, at) => bar(row, HEAD_HEIGHT + at * ROW_HEIGHT, x)),
  ]
  const reference = rows.find(({ kind }) => kind === 'reference')
  if (reference !== undefined) {
    const at = x(reference.figures.middle)
    const dashes = { stroke: COLOURS.text, 'stroke-dasharray': '4 3' }
    parts.push(element('line', { x1: at, x2: at, y1: HEAD_HEIGHT - 4, y2: height - MARGIN, ...dashes }))
  }
  const description = sorted
    .map(({ name, figures }) => `${label(name)}: ${number(figures.middle)} ${unit}`)
    .join('; ')
  return picture({ width: WIDTH, height, title: `${title}, ${details}`, description }, parts)
}

function bar({ name, kind, figures, ratio: compared }, y, x) {
  const middle = y + BAR_HEIGHT / 2
  const isReference = kind === 'reference'
  const beside = compared === undefined || isReference ? '' : ratio(compared.middle)
  const weight = kind === 'ours' ? { 'font-weight': 600 } : {}
  const right = { 'text-anchor': 'end', ...weight }
  const outline = { stroke: kind === 'other' ? FILLS.reference : FILLS[kind], 'stroke-width': 0.5 }
  const width = Math.max(1, x(figures.middle) - x(0))
  const parts = [
    text(LABELS_WIDTH - 8, middle + 4, label(name), right),
    element('rect', { x: x(0), y, width, height: BAR_HEIGHT, fill: FILLS[kind], ...outline }),
    text(WIDTH - MARGIN - RATIOS_WIDTH, middle + 4, number(figures.middle), right),
    text(WIDTH - MARGIN, middle + 4, beside, right),
  ]
  if (figures.most > figures.least) parts.push(...whisker(x(figures.least), x(figures.most), middle))
  return parts
}

// Black on white, so that it shows on every fill.
function whisker(from, to, y) {
  const lines = [
    { x1: from, x2: to, y1: y, y2: y },
    { x1: from, x2: from, y1: y - 4, y2: y + 4 },
    { x1: to, x2: to, y1: y - 4, y2: y + 4 },
  ]
  const strokes = [
    { stroke: COLOURS.background, 'stroke-width': 3 },
    { stroke: COLOURS.text, 'stroke-width': 1 },
  ]
  return strokes.flatMap((stroke) => lines.map((line) => element('line', { ...line, ...stroke })))
}

module.exports = { bars }
