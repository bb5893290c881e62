'use strict'

// The devices where a user is logged in. Each is a session that the store knows to be the user's, by its
// option `owner`; what there is to say of a device, its session has kept since the login.

const crypto = require('node:crypto')
const bowser = require('bowser')

const UNKNOWN = 'Unknown browser'

/** What a session keeps of the device that logs in with this request. */
exports.deviceOf = function deviceOf(req) {
  return {
    // What the device is called in forms. The session's id would do for that, too, but whoever has an id is
    // logged in: it goes to its own browser, as the cookie, and into no page.
    handle: crypto.randomUUID(),
    name: nameOf(req.get('User-Agent')),
    address: req.ip,
  }
}

/** The devices of a user, the one that has been logged in longest first. `sessionId` is that of the one that asks. */
exports.devicesOf = async function devicesOf(store, user, sessionId) {
  const sessions = await store.sessionsOf(user)
  return sessions.map(({ id, session, created, lastSeen }) => ({
    name: UNKNOWN, // For a session from before the app kept devices.
    ...session.device,
    created,
    lastSeen,
    isThis: id === sessionId,
  }))
}

/** Logs one device of a user out. It is looked for among the user's own, so that nobody can end another's. */
exports.logOutDevice = async function logOutDevice(store, user, handle) {
  const sessions = await store.sessionsOf(user)
  const found = sessions.find(({ session }) => session.device?.handle === handle)
  if (found) await store.destroy(found.id)
}

/** Such as 'Safari on iPhone': for people who look for what they do not know, not for decisions. */
function nameOf(userAgent) {
  if (!userAgent) return UNKNOWN
  const { browser, os, platform } = bowser.parse(userAgent.slice(0, 256))
  return [browser.name, platform.model || os.name].filter(Boolean).join(' on ') || UNKNOWN
}
