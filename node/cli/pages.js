// Walking through many things a few at a time, so that as many may be under way at once and no more are in memory.
'use strict'

// Yields what `things` yields in arrays of up to `len`.
async function* pagesOf(things, len) {
  let page = []
  for await (const thing of things) {
    page.push(thing)
    if (page.length < len) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

module.exports = { pagesOf }
