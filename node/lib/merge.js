// What becomes of a session that two have changed from the same state.
//
// Sessions are merged by their top-level keys: each side's additions, changes and deletions are kept, and where both
// have changed the same key the later write, mine, has it. A key that both have begun with, one of them with nothing in
// it yet, is the other's. What is compared is JSON, as sessions are kept.
'use strict'

// `base` is the state that I began with and `mine` what I made of it, both as JSON; `theirs` is the session as it is
// now. The result's `session` is theirs with my changes, and its `keys` are those that both have changed, each to
// something else. `dialect` merges what the framework keeps in it.
function merge(base, mine, theirs, dialect) {
  const before = JSON.parse(base)
  const after = JSON.parse(mine)
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
function isUnchanged(base, mine, dialect) {
  if (base === mine) return true
  const before = JSON.parse(base)
  const after = JSON.parse(mine)
  if (!dialect.isSame(before, after)) return false
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!dialect.owns(key, before, after) && !isSame(before, after, key)) return false
  }
  return true
}

function isSame(one, other, key) {
  const isIn = Object.hasOwn(one, key)
  if (isIn !== Object.hasOwn(other, key)) return false
  return !isIn || one[key] === other[key] || JSON.stringify(one[key]) === JSON.stringify(other[key])
}

// Whether `one` has no more under a new key than an empty object or array, where `other` has one of the same kind, too:
// what looks for messages, or into a cart, often makes an empty one first.
function isBegun(one, other, key) {
  if (!Object.hasOwn(one, key) || !Object.hasOwn(other, key)) return false
  const [mine, theirs] = [one[key], other[key]]
  if (typeof mine !== 'object' || typeof theirs !== 'object' || mine === null || theirs === null) return false
  return Array.isArray(mine) === Array.isArray(theirs) && Object.keys(mine).length === 0
}

// Also a key that an assignment would take for the prototype.
function put(session, key, value) {
  Object.defineProperty(session, key, { value, enumerable: true, configurable: true, writable: true })
}

module.exports = { isUnchanged, merge }
