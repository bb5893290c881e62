// What an import tells the person who runs it: its progress and its failures as they come, and a summary at the end.
//
// An id logs somebody in, so that no more than its beginning is ever shown.
'use strict'

const PROGRESS_INTERVAL_MS = 5000
const FAILURES_SHOWN = 20
const LETTERS_SHOWN = 6

class Report {
  imported = 0
  owned = 0
  expired = 0
  existing = 0
  failed = 0
  // Whether the import has failed before its end.
  isCutShort = false
  #to
  #isTrial
  #isQuiet
  #owner
  #toldAt = Date.now()

  constructor({ to, isTrial, quiet, owner }) {
    this.#to = to
    this.#isTrial = isTrial
    this.#isQuiet = quiet === true
    this.#owner = owner
  }

  get #read() {
    return this.imported + this.expired + this.existing + this.failed
  }

  // Tells how far it is, if it was not told lately.
  progress() {
    if (this.#isQuiet || Date.now() - this.#toldAt < PROGRESS_INTERVAL_MS) return
    this.#toldAt = Date.now()
    console.error(`${counted(this.#read)} sessions read, ${counted(this.imported)} imported`)
  }

  // Tells of a session that could not be imported, which `problem` says about it.
  failure({ id, place }, problem) {
    this.failed++
    if (this.failed > FAILURES_SHOWN) return
    console.error(`${place ?? `session ${shortened(id)}`} ${problem}`)
    if (this.failed === FAILURES_SHOWN) console.error('further failures are only counted')
  }

  // Tells what has become of all; nothing of an import that has not got to its first session.
  summary() {
    if (this.isCutShort && this.#read === 0) return
    const what = this.#isTrial ? 'would be imported' : 'imported'
    const owned = this.#owner === undefined ? '' : `, ${counted(this.owned)} of them with an owner`
    console.log(`${what} into ${this.#to}: ${counted(this.imported)}${owned}`)
    // A trial does not look into the store.
    const existing = this.#isTrial ? '' : `, ${counted(this.existing)} there already`
    console.log(`skipped: ${counted(this.expired)} expired${existing}`)
    console.log(`failed: ${counted(this.failed)}`)
  }
}

// Enough of an id to find it by, for who has all of them.
function shortened(id) {
  const shown = String(id ?? '').slice(0, Math.min(LETTERS_SHOWN, Math.floor(String(id ?? '').length / 4)))
  return `${shown.replace(/[^\w-]/g, '?')}…`
}

function counted(number) {
  return number.toLocaleString('en-US')
}

module.exports = { Report, shortened }
