// The candidates' processes, which take turns.
'use strict'

const path = require('node:path')
const { Child } = require('../lib/child.js')
const { shuffled } = require('../lib/order.js')
const { present } = require('../peers')

const WORKER = path.join(__dirname, 'worker.js')

class Candidates {
  #running = []
  #sheet

  constructor(sheet) {
    this.#sheet = sheet
  }

  // Starts those that can be, each with a store of its own that has so many sessions.
  async start(candidates, directory, { count, bytes, heapMib }) {
    for (const candidate of present(candidates, this.#sheet)) {
      const nodeOptions = ['--expose-gc', `--max-old-space-size=${heapMib}`]
      const child = new Child(WORKER, [], { nodeOptions })
      const place = path.join(directory, `${candidate.name}-${count}-${bytes}`.replaceAll(/[^\w-]+/g, '-'))
      const isFilled = await this.#ask(candidate, async () => {
        await child.ask('open', { candidate: candidate.name, directory: place, count })
        await child.ask('fill', { bytes })
      })
      if (isFilled) this.#running.push({ candidate, child })
      else await child.end()
    }
  }

  // Asks each in turn, in a new order each time, so often, and enters what it answers: `enter(name, answer)`. One that fails is out.
  async inTurn(rounds, call, parameters, enter, onFailure = () => {}) {
    const failed = new Set()
    // The first round is for the compilers and the caches.
    for (let round = 0; round <= rounds; round += 1) {
      const answers = new Map()
      for (const { candidate, child } of shuffled(this.#running)) {
        if (failed.has(candidate)) continue
        const isDone = await this.#ask(candidate, async () => {
          answers.set(candidate, await child.ask(call, parameters))
        })
        if (isDone) continue
        failed.add(candidate)
        onFailure(candidate.name)
      }
      if (round === 0) continue
      // In the order of the list, which is the report's.
      for (const { candidate } of this.#running) {
        if (answers.has(candidate)) enter(candidate.name, answers.get(candidate))
      }
    }
  }

  async #ask(candidate, asking) {
    try {
      await asking()
      return true
    } catch (error) {
      this.#sheet.miss(candidate.name, error.message)
      return false
    }
  }

  async end() {
    await Promise.all(this.#running.map(({ child }) => child.end()))
    this.#running = []
  }
}

module.exports = { Candidates }
