// The one shape that the figures of every part are kept in, as JSON.
//
// A part's file says where and when it was measured, and has cells: one candidate's figures in one metric of one
// benchmark under certain parameters, a figure for each round. `benches/src/sheet.rs` writes the same.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

const SCHEMA = 1

const isText = (value) => typeof value === 'string' && value !== ''
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isFigures = (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite)
const isDirection = (value) => value === 'more' || value === 'less'
const isList = Array.isArray

const CELL = {
  bench: isText,
  parameters: isObject,
  candidate: isText,
  metric: isText,
  unit: (value) => typeof value === 'string',
  better: isDirection,
  figures: isFigures,
}

const SERIES = {
  bench: isText,
  parameters: isObject,
  candidate: isText,
  unit: isText,
  step_seconds: Number.isFinite,
  points: isFigures,
}

// `absent`: candidates that were not measured, not under every parameter, or answered wrongly, each with the reason.
const ABSENT = { candidate: isText, reason: isText }

const RESULT = {
  schema: (value) => value === SCHEMA,
  part: isText,
  effort: isText,
  at: isText,
  commit: isText,
  machine: isObject,
  versions: isObject,
  settings: isObject,
  absent: isList,
  cells: isList,
  series: isList,
}

// Throws where `value` is not of `shape`, naming the field.
function expectShape(value, shape, what) {
  if (!isObject(value)) throw new TypeError(`${what} is no object`)
  for (const [field, isValid] of Object.entries(shape)) {
    if (!isValid(value[field])) {
      throw new TypeError(`${what}: ${field} is ${JSON.stringify(value[field])}`)
    }
  }
  const unknown = Object.keys(value).find((field) => !(field in shape))
  if (unknown !== undefined) throw new TypeError(`${what}: ${unknown} is no field of it`)
}

// Throws where a result is not what the report can be made of.
function check(result) {
  expectShape(result, RESULT, `result of ${result?.part}`)
  for (const cell of result.cells) expectShape(cell, CELL, `cell of ${result.part}`)
  for (const series of result.series) expectShape(series, SERIES, `series of ${result.part}`)
  for (const absent of result.absent) expectShape(absent, ABSENT, `absent one of ${result.part}`)
  return result
}

// The figures of a part, as they come in.
class Sheet {
  settings = {}
  absent = []
  cells = []
  series = []
  #byName = new Map()

  // A round's figure. `metric` is { name, unit, better }.
  add(bench, parameters, candidate, metric, figure) {
    const name = JSON.stringify([bench, parameters, candidate, metric.name])
    let cell = this.#byName.get(name)
    if (cell === undefined) {
      const { unit, better } = metric
      cell = { bench, parameters, candidate, metric: metric.name, unit, better, figures: [] }
      this.#byName.set(name, cell)
      this.cells.push(cell)
    }
    cell.figures.push(figure)
  }

  // What there is to say against a candidate's figures, or why there are none: once for each reason.
  miss(candidate, reason) {
    if (this.absent.some((absent) => absent.candidate === candidate && absent.reason === reason)) return
    this.absent.push({ candidate, reason })
    console.error(`  ${candidate}: ${reason}`)
  }

  // Takes a candidate's figures back that it could not complete.
  drop(bench, parameters, candidate) {
    const others = JSON.stringify(parameters)
    const stays = (cell) =>
      cell.bench !== bench || cell.candidate !== candidate || JSON.stringify(cell.parameters) !== others
    this.cells = this.cells.filter(stays)
  }
}

function write(directory, result) {
  fs.mkdirSync(directory, { recursive: true })
  const file = path.join(directory, `${result.part}.json`)
  fs.writeFileSync(file, `${JSON.stringify(check(result), null, 1)}\n`)
  return file
}

// Every result in a directory.
function readAll(directory) {
  if (!fs.existsSync(directory)) return []
  const names = fs.readdirSync(directory).filter((name) => name.endsWith('.json'))
  return names.map((name) => check(JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8'))))
}

const more = (name, unit) => ({ name, unit, better: 'more' })
const less = (name, unit) => ({ name, unit, better: 'less' })

module.exports = { check, less, more, readAll, SCHEMA, Sheet, write }
