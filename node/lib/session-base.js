// express-session's Store, which a store has to descend from.
'use strict'

function load() {
  try {
    return require('express-session').Store
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    throw new Error('sessile needs express-session; run `npm install express-session`', { cause })
  }
}

module.exports = { Store: load() }
