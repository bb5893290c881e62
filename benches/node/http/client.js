// The load's process, a Rust program: it uses a fraction of the processor time that a client in Node would, of which
// there is little on two cores. See benches/src/bin/load.
'use strict'

const { spawn } = require('node:child_process')
const readline = require('node:readline')

class Client {
  #process
  #lines
  #ended

  constructor(program, { port, processes }, { users, connections }) {
    const args = [port, users, connections, ...processes].map(String)
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ended = new Promise((resolve) => this.#process.once('close', resolve))
    // A program that has ended takes no line; that it gave no answer says so.
    this.#process.stdin.on('error', () => {})
    this.#lines = readline.createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  // Sends a line and resolves with the answer.
  async ask(line) {
    this.#process.stdin.write(`${line}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the load ended: what it had said of it is above')
    return JSON.parse(value)
  }

  async end() {
    this.#process.stdin.end()
    await this.#ended
  }
}

module.exports = { Client }
