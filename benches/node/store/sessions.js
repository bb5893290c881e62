// The sessions that are measured with: ids and contents as express-session makes them.
//
// An id is a new string each time, as it is when it comes out of a request's cookie: stores that look it up in a map
// have to hash it. Ids are kept as bytes, so that they take next to none of the memory that is measured.
'use strict'

const crypto = require('node:crypto')

const ID_BYTES = 24
const POOL = 64
const DAY_MILLIS = 86_400_000

class Sessions {
  #bytes
  #random = 0x2545_f491
  #pool = []
  #turn = 0

  constructor(count) {
    this.count = count
    this.#bytes = crypto.randomBytes(count * ID_BYTES)
  }

  // 32 characters, as uid-safe makes them.
  id(at) {
    return this.#bytes.base64urlSlice(at * ID_BYTES, (at + 1) * ID_BYTES)
  }

  // Any of them, or of the first `among`.
  any(among = this.count) {
    // xorshift32: cheap beside what is measured.
    let next = this.#random
    next ^= next << 13
    next ^= next >>> 17
    next ^= next << 5
    this.#random = next
    return (next >>> 0) % among
  }

  // Any of them, of which the first `hot` are asked for nine times in ten.
  anyMostlyOf(hot) {
    return this.any(10) === 0 ? this.any() : this.any(hot)
  }

  // Makes the contents that are set and touched: sessions that `store` made, as a request has them.
  prepare(store, bytes, maxAge = DAY_MILLIS) {
    this.#pool = Array.from({ length: POOL }, (_, at) => {
      const data = content(bytes, at, maxAge)
      return store.createSession({ sessionID: this.id(at % this.count), sessionStore: store }, data)
    })
  }

  // A session as it was loaded.
  loaded() {
    this.#turn = (this.#turn + 1) % POOL
    return this.#pool[this.#turn]
  }

  // A session that a request has changed.
  changed() {
    const session = this.loaded()
    session.views = 100_000 + ((session.views + 1) % 100_000)
    return session
  }
}

// A session of so many bytes of JSON: a user, and a cart of as many items as there is room for.
function content(bytes, at, maxAge = DAY_MILLIS) {
  const expires = new Date(Date.now() + maxAge).toISOString()
  const cookie = { originalMaxAge: maxAge, expires, httpOnly: true, path: '/' }
  const session = { cookie, user: `user ${at}`, views: 100_000, cart: [], token: '' }
  const room = () => bytes - JSON.stringify(session).length
  const item = () => ({ id: 1000 + session.cart.length, name: 'A thing to be sold', price: 12.5, count: 2 })
  const size = JSON.stringify(item()).length + 1
  const items = Math.max(0, Math.floor((room() - 16) / size))
  for (let count = 0; count < items; count += 1) session.cart.push(item())
  session.token = 'x'.repeat(Math.max(0, room()))
  return session
}

module.exports = { content, Sessions }
