// Other processes for tests: each runs a piece of code with the package at hand, and tells what it prints.
'use strict'

const { spawn } = require('node:child_process')
const path = require('node:path')
const { atEnd } = require('./end.js')

const PACKAGE = path.join(__dirname, '..', '..')

// What every piece of code starts with: the package, its store's path as the first argument, and a session.
const PRELUDE = `
const { SessileStore } = require(${JSON.stringify(PACKAGE)})
const storePath = process.argv[1]
const sessionOf = (data) => ({ cookie: { originalMaxAge: null, expires: null }, ...data })
const say = (text) => require('node:fs').writeSync(1, text + '\\n')
`

class Child {
  output = ''
  errors = ''

  // `wrapper` is a command that runs the one behind it.
  constructor(wrapper, code, args) {
    const [program, ...words] = [...wrapper, process.execPath, '-e', PRELUDE + code, ...args]
    this.process = spawn(program, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.process.stdout.setEncoding('utf8').on('data', (data) => {
      this.output += data
    })
    this.process.stderr.setEncoding('utf8').on('data', (data) => {
      this.errors += data
    })
    // 'close' comes when the output has been read to its end as well.
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) => resolve({ code, signal }))
    })
  }

  // Resolves once the child has printed `text`, and fails if it ends before.
  async says(text) {
    const heard = new Promise((resolve) => {
      const check = () => {
        if (this.output.includes(text)) resolve('heard')
      }
      this.process.stdout.on('data', check)
      check()
    })
    const first = await Promise.race([heard, this.ended])
    if (first !== 'heard' && !this.output.includes(text)) {
      throw new Error(`the child ended (${JSON.stringify(first)}) without saying '${text}': ${this.errors}`)
    }
  }

  // Lets a child that reads its input go on.
  tell(text) {
    this.process.stdin.write(`${text}\n`)
  }

  kill(signal = 'SIGKILL') {
    this.process.kill(signal)
    return this.ended
  }
}

// Starts a process; it is killed when the test ends.
function start(test, code, ...args) {
  return startUnder(test, [], code, args)
}

function startUnder(test, wrapper, code, args) {
  const child = new Child(wrapper, code, args)
  atEnd(test, () => child.kill())
  return child
}

// Runs a process to its end.
function run(test, code, ...args) {
  return runUnder(test, [], code, ...args)
}

// The same, by a command that runs it: a list of words that go before it.
async function runUnder(test, wrapper, code, ...args) {
  const child = startUnder(test, wrapper, code, args)
  const end = await child.ended
  return { ...end, output: child.output, errors: child.errors }
}

module.exports = { run, runUnder, start }
