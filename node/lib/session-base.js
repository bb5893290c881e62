// express-session's Store, which a store has to descend from.
'use strict'

function load() {
  return require(find()).Store
}

// Beside this package, or else the application's: a package that is required from a checkout, or through a
// link, does not see the modules of the application that requires it.
function find() {
  try {
    return require.resolve('express-session')
  } catch (cause) {
    if (cause.code !== 'MODULE_NOT_FOUND') throw cause
    return findInApplication(cause)
  }
}

function findInApplication(cause) {
  const paths = [require.main?.path, process.cwd()].filter((path) => path !== undefined)
  try {
    return require.resolve('express-session', { paths })
  } catch {
    throw new Error(
      `sessile needs express-session, and there is none at ${[__dirname, ...paths].join(', ')}; ` +
        "run `npm install express-session` in your application's directory",
      { cause }
    )
  }
}

module.exports = { Store: load() }
