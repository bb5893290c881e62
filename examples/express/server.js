'use strict'

// An Express app that keeps its sessions with sessile. What you would copy is the store and the
// session middleware right below; the rest is a login, a page counter, a cart and the list of a user's
// devices to put them to use.

const path = require('node:path')
const express = require('express')
const session = require('express-session')
const { SessileStore } = require('sessile')
const { catalogue } = require('./catalogue')
const { deviceOf, devicesOf, logOutDevice } = require('./devices')
const { figures } = require('./figures')
const { keptSecret } = require('./secret')
const views = require('./views')

const HOST = '127.0.0.1'
const WEEK_MS = 7 * 24 * 60 * 60 * 1000
const port = portFrom(process.env.PORT || '3000')
const sessionsDir = path.resolve(process.env.SESSIONS_DIR || path.join(__dirname, 'sessions'))
const startedAt = Date.now()

// By default a write is acknowledged once it is on the disk, where it survives a power failure too.
// A session belongs to its `req.session.user`, which the login sets; a login on a sixth device ends the
// user's session that came into being first.
const store = orFail(() => new SessileStore({ path: sessionsDir, owner: 'user', maxPerOwner: 5 }))

// Failures in the background, which nobody asked for and no callback could report. A session that could
// not be saved at the end of its response is not among them: that goes to the error middleware below.
store.on('error', (error) => console.error(`Session store: ${error.message}`))

const sessions = session({
  store,
  secret: process.env.SESSION_SECRET || orFail(() => keptSecret(`${sessionsDir}.secret`)),
  name: 'demo.sid', // All ports of localhost share their cookies: `connect.sid` may be another app's.
  resave: false,
  saveUninitialized: false, // Nobody gets a cookie, or a place in the store, before logging in.
  cookie: {
    httpOnly: true,
    // Keeps other sites from posting with our visitor's cookie. One half of the protection against
    // cross-site request forgery; the other is `refuseForeign`.
    sameSite: 'lax',
    secure: 'auto', // Got over HTTPS, the cookie stays there; see also `trust proxy`.
    maxAge: WEEK_MS,
  },
})

const app = express()
app.disable('x-powered-by')
// The server listens on this machine alone: what comes from elsewhere comes through a proxy on it, which
// says from which address, and whether over HTTPS. In your own app, trust the proxies that are yours.
app.set('trust proxy', 'loopback')
app.use(express.static(path.join(__dirname, 'public')))
app.use(refuseForeign)
app.use(express.urlencoded({ extended: false }))
app.use(async (_req, res, next) => {
  res.set('Content-Security-Policy', "default-src 'self'; form-action 'self'; frame-ancestors 'none'")
  res.set('Cache-Control', 'no-store') // After a logout, the Back button shows nothing.
  res.locals.figures = figures(await store.stats(), await store.length())
  next()
})

// Above the session middleware, so that a page left open does not keep a session alive for ever. Your
// own app would not show its figures to everybody.
app.get('/figures', (_req, res) => res.json(res.locals.figures))

// Last before the routes: what is slow comes before a session is loaded, not between loading it and
// changing it.
app.use(sessions)

app.get('/', async (req, res) => {
  if (!req.session.user) return res.send(views.welcome({ figures: res.locals.figures }))
  req.session.views += 1
  req.session.touch() // Each view extends the session by a week: show that, not the last view's expiry.
  // Meanwhile another tab may change the cart, or another device log this one out. Saving this request's
  // session at the end undoes neither: only `views` is written over what others have saved, and a session
  // that is gone stays gone.
  const devices = await devicesOf(store, req.session.user, req.sessionID)
  res.send(views.home({ session: req.session, devices, figures: res.locals.figures, startedAt }))
})

app.post('/login', (req, res, next) => {
  const user = String(req.body?.name ?? '').trim()
  if (user === '' || user.length > 40) {
    const problem = `Please enter a name${user === '' ? '' : ' of at most 40 characters'}.`
    return res.status(400).send(views.welcome({ figures: res.locals.figures, problem }))
  }
  // A name is all that the demo asks for. Your app makes sure here that the visitor is who they say.
  // A new id at every login: one that somebody planted in this browser before is worth nothing after.
  req.session.regenerate((error) => {
    if (error) return next(error)
    Object.assign(req.session, { user, device: deviceOf(req), createdAt: Date.now(), views: 0, cart: {} })
    // No `save` before the redirect: reads see a write from the moment it was made, so the next page
    // finds its session however fast the browser asks for it.
    res.redirect(303, '/')
  })
})

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => {
    if (error) return next(error)
    res.clearCookie('demo.sid').redirect(303, '/')
  })
})

app.post('/devices/log-out', async (req, res) => {
  const { user } = req.session
  if (user) await logOutDevice(store, user, req.body?.device)
  res.redirect(303, '/')
})

app.post('/devices/log-out-others', async (req, res) => {
  const { user } = req.session
  if (user) await store.destroyAllOf(user, { except: req.sessionID })
  res.redirect(303, '/')
})

app.post('/cart/:change', (req, res) => {
  const { user, cart } = req.session
  const item = req.body?.item
  if (user && catalogue.has(item)) {
    const count = (cart[item] ?? 0) + (req.params.change === 'add' ? 1 : -1)
    cart[item] = Math.min(count, 99)
    if (count < 1) delete cart[item]
  }
  res.redirect(303, '/')
})

app.use((error, _req, res, next) => {
  const status = error.status ?? 500
  if (status >= 500) console.error(error)
  // Also where the session could not be saved: the page has gone by then, so that the log alone tells.
  if (res.headersSent) return next(error)
  res.status(status).send(views.failure({ status }))
})

const server = app.listen(port, HOST, async (error) => {
  if (error?.code === 'EADDRINUSE') {
    fail(`Port ${port} is taken: stop what uses it, or take any free one with PORT=0 make demo.`)
  }
  if (error) fail(`Cannot listen on port ${port}: ${error.message}`)
  // Answered once the store is usable: a process just stopping may still hold it for a moment.
  const count = await store.length().catch((reason) => fail(reason.message))
  console.log(views.invitation({ port: server.address().port, sessionsDir, count }))
})

process.once('SIGINT', stop)
process.once('SIGTERM', stop)

/**
 * The other half of the protection against cross-site request forgery: `sameSite` neither covers a login,
 * which needs no cookie, nor pages of the same site on another port or subdomain. Browsers say where a
 * request comes from, on localhost and over HTTPS; one that does not say is taken at its word, so that curl
 * and very old browsers work. Enough here because all that a GET ever changes is the counter.
 */
function refuseForeign(req, res, next) {
  const from = req.get('Sec-Fetch-Site') ?? 'none'
  if (req.method !== 'POST' || from === 'same-origin' || from === 'none') return next()
  res.status(403).send(views.failure({ status: 403 }))
}

/** A clean end: answers what was asked, then closes the store. Nothing is lost without it, see kill -9. */
function stop() {
  server.close(() =>
    store.close().then(
      () => process.exit(0),
      (error) => fail(error.message)
    )
  )
  setTimeout(() => server.closeAllConnections(), 1000).unref() // Some clients would keep asking.
}

function portFrom(text) {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65535) return Number(text)
  return fail(`PORT is '${text}', but has to be a number from 0 to 65535 (0 takes any free one).`)
}

function orFail(open) {
  try {
    return open()
  } catch (error) {
    return fail(error.message)
  }
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
