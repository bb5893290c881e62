// The report's text: targets first, those that were missed on top; then each benchmark with its pictures, and all of
// its figures.
'use strict'

const { againstReference, group, REFERENCES, summaryOf } = require('./cells.js')
const { describe, label, ratio, spread } = require('./numbers.js')
const { TITLES } = require('./titles.js')

const cell = (text) => `${text}`.replaceAll('|', '\\|')
const row = (fields) => `| ${fields.map(cell).join(' | ')} |`

function table(head, rows) {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')
}

function markdown({ results, judged, pictures }) {
  const cells = results.flatMap((result) => result.cells)
  const benches = Object.keys(TITLES).filter((bench) =>
    [...cells, ...pictures].some((each) => each.bench === bench)
  )
  const sections = [
    '# Results',
    'Written by the benchmarks; `benches/README.md` says how to read and how to repeat them. Medians, with the ' +
      'least and the most in parentheses; ratios are of figures of the same round, and × 1.00 is as much.',
    provenance(results),
    targets(judged),
    ...benches.map((bench) => section(bench, cells, pictures)),
    settings(results),
    absent(results),
  ]
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`
}

function provenance(results) {
  const where = group(results, ({ machine, versions }) => JSON.stringify([withoutLoad(machine), versions]))
  const runs = results.map(({ part, effort, at, commit, machine }) => [
    part,
    effort,
    at.replace(/\.\d+Z$/, 'Z'),
    commit,
    machine['load at the beginning'],
  ])
  const machines = where.map((some) => {
    const [{ machine, versions }] = some
    const parts = some.map(({ part }) => part).join(', ')
    const known = Object.entries({ ...withoutLoad(machine), ...versions }).filter(
      ([, value]) => value !== undefined
    )
    return `${parts}: ${known.map(([name, value]) => `${name} ${value}`).join(', ')}.`
  })
  const quick = results.every(({ effort }) => effort === 'complete')
    ? ''
    : '**Not a complete run**: fewer candidates, sizes and rounds. Good for a look, not for a comparison.'
  const text = [
    '## Where and when',
    quick,
    table(['part', 'effort', 'at', 'commit', 'load before'], runs),
    ...machines,
  ]
  return text.filter((each) => each !== '').join('\n\n')
}

function withoutLoad({ 'load at the beginning': _, ...machine }) {
  return machine
}

function targets(judged) {
  const count = (verdict) => judged.filter((each) => each.verdict === verdict).length
  const summary = `${count('met')} met, ${count('missed')} missed, ${count('not measured')} not measured.`
  const rows = judged.map(({ title, wanted, unit, measured, verdict }) => [
    title,
    wanted,
    measured === undefined ? '' : `${spread(measured)} ${unit}`,
    verdict === 'missed' ? '**missed**' : verdict,
  ])
  const picture = judged.some(({ score }) => score !== undefined)
    ? ['![Each target: how much better or worse than wanted](charts/targets.svg)']
    : []
  return ['## Targets', summary, ...picture, table(['', 'wanted', 'measured', ''], rows)].join('\n\n')
}

function section(bench, all, pictures) {
  const cells = all.filter((each) => each.bench === bench)
  const images = pictures.filter((picture) => picture.bench === bench)
  const shown = images.map(({ title, file }) => `![${title.replaceAll(/[[\]]/g, '')}](charts/${file})`)
  const groups = group(cells, ({ parameters }) => JSON.stringify(parameters))
  const tables = groups.map((some) => figures(bench, some))
  const text = tables.join('\n\n')
  // Folded away only where pictures show the most of it.
  const details =
    shown.length === 0 ? text : `<details><summary>All figures</summary>\n\n${text}\n\n</details>`
  return [`## ${TITLES[bench]}`, ...shown, details].join('\n\n')
}

// The figures of all candidates under the same parameters. Compared is the first metric that the reference has, too.
function figures(bench, cells) {
  const metrics = [...new Set(cells.map(({ metric }) => metric))]
  const units = metrics.map((metric) => cells.find((each) => each.metric === metric).unit)
  const reference = REFERENCES[bench]
  const compared = cells.find(({ candidate }) => candidate === reference)?.metric
  const head = metrics.map((metric, at) => (units[at] === '' ? metric : `${metric}, ${units[at]}`))
  const last = compared === undefined ? [] : [`${compared} against ${label(reference)}`]
  const rows = group(cells, ({ candidate }) => candidate).map((some) => {
    const of = (metric) => some.find((each) => each.metric === metric)
    const values = metrics.map((metric) => (of(metric) === undefined ? '' : spread(summaryOf(of(metric)))))
    return [
      label(some[0].candidate),
      ...values,
      ...(reference === undefined ? [] : [ratioText(cells, of(metrics[0]))]),
    ]
  })
  return `**${label(describe(cells[0].parameters))}**\n\n${table(['', ...head, ...last], rows)}`
}

function ratioText(cells, first) {
  const compared = first === undefined ? undefined : againstReference(cells, first)
  if (compared === undefined) return ''
  return compared.count === 1
    ? ratio(compared.middle)
    : `${ratio(compared.middle)} (${spread(compared).replace(/^[^(]*\(/, '')}`
}

function settings(results) {
  const all = Object.assign({}, ...results.map((result) => result.settings))
  return ['## Who was measured, and how set', table(['', ''], Object.entries(all))].join('\n\n')
}

function absent(results) {
  const rows = results.flatMap(({ part, absent: all }) =>
    all.map(({ candidate, reason }) => [part, candidate, reason])
  )
  if (rows.length === 0) return ''
  return ['## Who was not, or not everywhere, or answered wrongly', table(['part', '', 'why'], rows)].join(
    '\n\n'
  )
}

module.exports = { markdown }
