// The stores whose sessions can be imported, by the name of their package. Each has
// - `location` and `summary`: what is typed behind the name, and what that is;
// - `options`: those that it has beside everybody's, as parseArgs takes them, with a `value` and a `help` in words;
// - `records(location, options)`: yields its sessions as record.js describes them, a few at a time, and throws a Refusal
//   where it cannot go on. `options.ttl` is how long a session lives that says nothing of it, where that was given.
'use strict'

const sources = [
  require('./connect-redis.js'),
  require('./connect-mongo.js'),
  require('./session-file-store.js'),
  require('./connect-sqlite3.js'),
  require('./better-sqlite3-session-store.js'),
  require('./lines.js'),
]

module.exports = new Map(sources.map((source) => [source.name, source]))
