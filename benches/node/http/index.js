// Requests to an Express app, over connections that are kept alive, by users who are logged in.
//
// Every candidate has a server of its own, which idles while it is another's turn.
'use strict'

const path = require('node:path')
const { Child } = require('../lib/child.js')
const { shuffled } = require('../lib/order.js')
const { less, more } = require('../lib/results.js')
const { ALL, present, withoutPeers } = require('../peers')
const { Client } = require('./client.js')

const SERVER = path.join(__dirname, 'server.js')
const TITLES = {
  read: 'read-only request',
  write: 'request that changes the session',
  mixed: 'nine read-only requests, one that changes the session',
  login: 'login (regenerate)',
}

const METRICS = [
  [more('rate', 'requests/s'), ({ requests, seconds }) => requests / seconds],
  [less('median', 'ms'), ({ median_millis }) => median_millis],
  [less('p99', 'ms'), ({ p99_millis }) => p99_millis],
  [less('p99.9', 'ms'), ({ p999_millis }) => p999_millis],
  [less('longest', 'ms'), ({ longest_millis }) => longest_millis],
  [
    less('server processor time', 'µs per request'),
    ({ server_micros, requests }) => each(server_micros, requests),
  ],
  [
    less('client processor time', 'µs per request'),
    ({ client_micros, requests }) => each(client_micros, requests),
  ],
  [less('connect burst, the middle one', 'ms'), ({ burst_median_millis }) => burst_median_millis],
  [less('connect burst, the last one', 'ms'), ({ burst_last_millis }) => burst_last_millis],
  [less('wrong answers', ''), ({ wrong }) => wrong],
]

// Undefined where the kernel does not tell.
function each(micros, requests) {
  return micros === null ? undefined : micros / requests
}

async function start(candidate, { users, connections }, directory, program) {
  const child = new Child(SERVER, [])
  try {
    const place = path.join(directory, `http-${candidate.name}`.replaceAll(/[^\w-]+/g, '-'))
    const server = await child.ask('open', { candidate: candidate.name, directory: place })
    const client = new Client(program, server, { users, connections })
    await client.ask('login')
    return { candidate, child, client, hasFailed: false }
  } catch (error) {
    await child.end()
    throw error
  }
}

async function http(effort, sheet, directory, { load: program }) {
  const { scenarios, users, connections, rounds, warmUpMillis, millis } = effort
  const running = []
  try {
    for (const candidate of present(effort.withPeers ? ALL : withoutPeers(), sheet)) {
      try {
        running.push(await start(candidate, effort, directory, program))
      } catch (error) {
        sheet.miss(candidate.name, error.message)
      }
    }
    for (const scenario of scenarios) {
      const parameters = { request: TITLES[scenario], connections, users }
      for (let round = 1; round <= rounds; round += 1) {
        console.error(`http: ${TITLES[scenario]}, round ${round} of ${rounds}`)
        const outcomes = new Map()
        for (const each of shuffled(running.filter(({ hasFailed }) => !hasFailed))) {
          try {
            outcomes.set(each, await each.client.ask(`${scenario} ${warmUpMillis} ${millis}`))
          } catch (error) {
            each.hasFailed = true
            sheet.miss(each.candidate.name, `${parameters.request}: ${error.message}`)
            sheet.drop('http', parameters, each.candidate.name)
          }
        }
        // In the order of the list, which is the report's.
        for (const each of running) {
          if (outcomes.has(each)) enter(sheet, parameters, each.candidate, outcomes.get(each))
        }
      }
    }
  } finally {
    await Promise.all(running.map(({ client }) => client.end()))
    await Promise.all(running.map(({ child }) => child.end()))
  }
}

function enter(sheet, parameters, { name }, outcome) {
  // Too short a run, or a server that does not answer: there is nothing to be said of it.
  if (outcome.requests === 0) {
    sheet.miss(name, `${parameters.request}: no answer came within the time`)
    return
  }
  for (const [metric, figureOf] of METRICS) {
    const figure = figureOf(outcome)
    if (figure !== undefined) sheet.add('http', parameters, name, metric, figure)
  }
  if (outcome.wrong > 0) sheet.miss(name, `${parameters.request}: answered as if the user were not logged in`)
}

module.exports = { http }
