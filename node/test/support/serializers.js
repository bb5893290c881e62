// Serializers for tests, of the kinds that applications give.
'use strict'

const crypto = require('node:crypto')
const v8 = require('node:v8')

// Keeps what JSON cannot hold: Map, Set, Date, BigInt, Buffer, undefined.
const structured = {
  stringify: (session) => v8.serialize(session).toString('base64'),
  parse: (text) => v8.deserialize(Buffer.from(text, 'base64')),
}

// Makes another text of the same session each time, and keeps what the one above does.
function enciphering(key = crypto.randomBytes(32)) {
  return {
    stringify(session) {
      const nonce = crypto.randomBytes(12)
      const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce)
      const sealed = Buffer.concat([cipher.update(v8.serialize(session)), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
    },
    parse(text) {
      const bytes = Buffer.from(text, 'base64')
      const decipher = crypto.createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      decipher.setAuthTag(bytes.subarray(12, 28))
      return v8.deserialize(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]))
    },
  }
}

// JSON, but that every text that looks like a time becomes a Date: also those in a session's cookie.
const reviving = {
  stringify: JSON.stringify,
  parse: (text) => JSON.parse(text, (_, value) => (isTime(value) ? new Date(value) : value)),
}

function isTime(value) {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)
}

// The class `Store` with a serializer, whatever options it is given.
function withSerializer(Store, serializer) {
  return class extends Store {
    constructor(options) {
      super({ serializer, ...options })
    }
  }
}

module.exports = { enciphering, reviving, structured, withSerializer }
