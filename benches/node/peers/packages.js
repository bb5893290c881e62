// Packages that may not be there: their names are in package.json, but none is needed for what is measured of us.
'use strict'

// Why a package cannot be used here, or undefined. A package that is there and does not work says so when it is
// first used: its addon may not have been built.
function missingPackage(name, use = () => {}) {
  try {
    use(require(name))
    return undefined
  } catch (error) {
    return `${name} is not installed, or not built (${error.message.split('\n')[0]})`
  }
}

const nothing = () => undefined

module.exports = { missingPackage, nothing }
