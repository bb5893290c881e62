// What a test has to undo when it ends: the last thing first, so that a directory goes after what uses it.
'use strict'

const undone = new WeakMap()

function atEnd(test, undo) {
  const list = undone.get(test)
  if (list !== undefined) {
    list.push(undo)
    return
  }
  undone.set(test, [undo])
  test.after(async () => {
    for (const each of undone.get(test).reverse()) await each()
  })
}

module.exports = { atEnd }
