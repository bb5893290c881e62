// A candidate in a process of its own, so that its memory, its garbage and its threads are nobody else's. It idles
// while it is another's turn.
//
// Requests go to it by IPC, one at a time: an object with a `call` and what it takes. It ends with its parent.
'use strict'

const { fork } = require('node:child_process')

// The parent's end.
class Child {
  #process
  #waiting = null

  constructor(file, args, { nodeOptions = [] } = {}) {
    this.#process = fork(file, args, {
      execArgv: nodeOptions,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#process.on('message', (message) => this.#answer(message))
    this.#process.on('exit', (code, signal) => {
      this.#answer({ error: `its process ended with ${signal ?? `code ${code}`}` })
    })
  }

  get pid() {
    return this.#process.pid
  }

  // Calls, and resolves with the answer; rejects with what the candidate failed with.
  ask(call, parameters = {}) {
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) return reject(new Error('its process has ended'))
      this.#waiting = { resolve, reject }
      this.#process.send({ call, ...parameters })
    })
  }

  #answer({ error, value }) {
    const waiting = this.#waiting
    this.#waiting = null
    if (error !== undefined) waiting?.reject(new Error(error))
    else waiting?.resolve(value)
  }

  // Asks it to close what it has, and waits for its end.
  async end() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    if (this.#process.connected) this.#process.disconnect()
    await ended
  }
}

// The child's end: `calls` by name, each given the request; `close` is called once, when the parent is done.
function serve(calls, close) {
  process.on('message', async ({ call, ...parameters }) => {
    try {
      process.send({ value: await calls[call](parameters) })
    } catch (error) {
      process.send({ error: error.code === undefined ? error.message : `${error.code}: ${error.message}` })
    }
  })
  process.on('disconnect', async () => {
    await close()
    process.exit()
  })
  // The interrupt of a terminal goes to every process of the benchmark; the parent tells when to end.
  process.on('SIGINT', () => {})
}

module.exports = { Child, serve }
