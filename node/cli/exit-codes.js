// What the tool ends with.
'use strict'

module.exports = {
  // All was done that was asked for.
  DONE: 0,
  // Some sessions could not be taken along; each was told of.
  INCOMPLETE: 1,
  // The command was wrong, or it failed before its end.
  FAILED: 2,
}
