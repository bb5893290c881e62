// A browser for tests: it has a cookie jar of its own, and follows redirects.
'use strict'

const { once } = require('node:events')
const { atEnd } = require('./end.js')

// Makes `server` listen on a port that the system picks, and returns what opens browsers on it.
async function serve(test, server) {
  if (!server.listening) await once(server, 'listening')
  atEnd(test, () => {
    server.closeAllConnections()
    server.close()
  })
  return () => browser(`http://127.0.0.1:${server.address().port}`)
}

// A browser for what `origin` serves.
function browser(origin) {
  const cookies = new Map()
  const visit = async (url, options = {}) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }
    const response = await fetch(origin + url, { redirect: 'manual', headers, ...options })
    for (const given of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(given)
      cookies.set(name, value)
    }
    const text = await response.text()
    const location = response.headers.get('location')
    return location === null ? { status: response.status, text, response } : visit(location)
  }
  return visit
}

module.exports = { browser, serve }
