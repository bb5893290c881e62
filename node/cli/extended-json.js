// MongoDB's extended JSON, relaxed and canonical, as mongoexport writes it: turned into what JSON.stringify makes of the
// same values as the driver gives them. What has no such form stays as it is.
'use strict'

const PLAIN = {
  $date: (date) => new Date(typeof date === 'object' ? Number(date?.$numberLong) : date),
  $numberInt: Number,
  $numberLong: Number,
  $numberDouble: Number,
  $oid: (text) => text,
  $uuid: (text) => text,
  $binary: (binary) => binary?.base64 ?? binary,
}

// A time becomes a Date, which JSON writes as a text.
function fromExtended(value) {
  if (Array.isArray(value)) return value.map(fromExtended)
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value)
  if (keys.length === 1 && Object.hasOwn(PLAIN, keys[0])) return PLAIN[keys[0]](value[keys[0]])
  return Object.fromEntries(keys.map((key) => [key, fromExtended(value[key])]))
}

module.exports = { fromExtended }
