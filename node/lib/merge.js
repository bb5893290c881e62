// What becomes of a session that two have changed from the same state.
//
// Sessions are merged by their top-level keys: each side's additions, changes and deletions are kept, and where both
// have changed the same key the later write, mine, has it. A key that both have begun with, one of them with nothing in
// it yet, is the other's. What is compared is what was stored, or is to be.
'use strict'

// `base` is the state that I began with and `mine` what I made of it, both as `serializer` has made texts of them;
// `theirs` is the session as it is now. The result's `session` is theirs with my changes, and its `keys` are those that
// both have changed, each to something else. `dialect` merges what the framework keeps in it.
function merge(base, mine, theirs, serializer, dialect) {
  const before = serializer.parse(base)
  const after = serializer.parse(mine)
  const isSame = (one, other, key) => isSameBy(serializer, one, other, key)
  const session = theirs
  const keys = []
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (dialect.owns(key, before, after, theirs)) {
      if (!dialect.merge(before, after, session)) keys.push(key)
      continue
    }
    if (isSame(before, after, key)) continue
    if (!Object.hasOwn(before, key)) {
      if (isBegun(after, theirs, key)) continue
      if (isBegun(theirs, after, key)) {
        put(session, key, after[key])
        continue
      }
    }
    if (!isSame(before, theirs, key) && !isSame(after, theirs, key)) keys.push(key)
    if (Object.hasOwn(after, key)) put(session, key, after[key])
    else delete session[key]
  }
  return { session, keys }
}

// Whether there is nothing to save in what I made of `base`, but a later expiry.
function isUnchanged(base, mine, serializer, dialect) {
  if (base === mine) return true
  const before = serializer.parse(base)
  const after = serializer.parse(mine)
  if (!dialect.isSame(before, after)) return false
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!dialect.owns(key, before, after) && !isSameBy(serializer, before, after, key)) return false
  }
  return true
}

function isSameBy(serializer, one, other, key) {
  const isIn = Object.hasOwn(one, key)
  if (isIn !== Object.hasOwn(other, key)) return false
  return !isIn || serializer.isSame(one, other, key)
}

// Whether `one` has no more under a new key than an empty collection, where `other` has one of the same kind, too: what
// looks for messages, or into a cart, often makes an empty one first.
function isBegun(one, other, key) {
  if (!Object.hasOwn(one, key) || !Object.hasOwn(other, key)) return false
  const kind = kindOf(one[key])
  return kind !== undefined && kind === kindOf(other[key]) && isEmpty(one[key], kind)
}

// What holds others, and so may be empty: a Date or a number in a key is no place for anything.
function kindOf(value) {
  if (typeof value !== 'object' || value === null) return undefined
  const kind = [Array, Map, Set].find((each) => value instanceof each)
  if (kind !== undefined) return kind
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object : undefined
}

function isEmpty(collection, kind) {
  return (kind === Map || kind === Set ? collection.size : Object.keys(collection).length) === 0
}

// Also a key that an assignment would take for the prototype.
function put(session, key, value) {
  Object.defineProperty(session, key, { value, enumerable: true, configurable: true, writable: true })
}

module.exports = { isUnchanged, merge }
