// A directory of session-file-store: a file of JSON for each session, which has in it when it was last used.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { pagesOf } = require('../pages.js')
const { fromJson, maxAgeOf, recordOf } = require('../record.js')
const { Refusal } = require('../refusal.js')

// How many files are read at once.
const FILES_AT_ONCE = 32

async function* records(location, { extension = '.json', ttl = 3600 }) {
  for await (const names of pagesOf(namesIn(location, extension), FILES_AT_ONCE)) {
    const found = await Promise.all(names.map((name) => read(location, name, extension, ttl)))
    yield* found.filter((record) => record !== undefined)
  }
}

async function* namesIn(directory, extension) {
  let entries
  try {
    entries = await fs.promises.opendir(directory)
  } catch (error) {
    throw new Refusal(`the directory '${directory}' cannot be read: ${error.message}`)
  }
  for await (const { name } of entries) {
    if (name.endsWith(extension) && name.length > extension.length) yield name
  }
}

// The session in the file `name`; undefined where it has gone meanwhile.
async function read(directory, name, extension, ttl) {
  const id = name.slice(0, name.length - extension.length)
  let text
  try {
    text = await fs.promises.readFile(path.join(directory, name), 'utf8')
  } catch (error) {
    // The message has the file's name in it, which is the id.
    return error.code === 'ENOENT' ? undefined : { id, problem: `cannot be read (${error.code})` }
  }
  return recordOf(id, () => {
    // What the store has added, and what would be kept as it is now for ever.
    const { __lastAccess: lastAccess, ...session } = fromJson(text) ?? {}
    const lifetimeMs = maxAgeOf(session) ?? ttl * 1000
    return { session, expiresAtMs: lastAccess === undefined ? undefined : lastAccess + lifetimeMs }
  })
}

module.exports = {
  name: 'session-file-store',
  location: '<directory>',
  summary: 'the directory that its option `path` names',
  options: { extension: { type: 'string', value: '<.json>', help: 'what its option fileExtension is' } },
  records,
}
