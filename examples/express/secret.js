'use strict'

const crypto = require('node:crypto')
const fs = require('node:fs')

/**
 * The key that signs session cookies, from `file`; made on first use.
 *
 * It has to outlive the process: with a new key the sessions would still be in the store, and no
 * browser's cookie would be believed. It lies beside the sessions and not among them, so that a copy of
 * the store is no key to it. A SESSION_SECRET takes its place.
 */
exports.keptSecret = function keptSecret(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  const secret = crypto.randomBytes(32).toString('base64url')
  // Written whole, then named: a crash in between leaves no half a secret behind.
  const draft = `${file}.${process.pid}`
  fs.writeFileSync(draft, secret, { mode: 0o600, flush: true })
  fs.renameSync(draft, file)
  return secret
}
