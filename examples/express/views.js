'use strict'

// The pages, as functions from what they show to HTML, and the lines printed at the start.

const { catalogue } = require('./catalogue')
const { html } = require('./html')

const DAY_MS = 24 * 60 * 60 * 1000

/** For a visitor who is not logged in. */
exports.welcome = function welcome({ figures, problem }) {
  return page({
    title: 'Log in',
    main: html`
      <section class="hero">
        <h1>Log in. Kill the server. <em>Still logged in.</em></h1>
        <p class="lead">This app keeps its sessions with sessile, a crash-safe store inside the server’s
          own process. There is no database to run, and nothing to lose when the process dies.</p>
        <form class="login" method="post" action="/login">
          <label for="name">Your name</label>
          <div class="field">
            <input id="name" name="name" placeholder="Any name will do" required maxlength="40" autofocus
              autocomplete="nickname" ${problem && html`aria-invalid="true" aria-describedby="problem"`}>
            <button class="primary">Log in</button>
          </div>
          ${problem && html`<p class="problem" id="problem" role="alert">${problem}</p>`}
        </form>
      </section>
      ${figuresCard(figures)}`,
  })
}

/** For somebody who is. */
exports.home = function home({ session, devices, figures, startedAt }) {
  return page({
    title: session.user,
    aside: html`
      <span class="user">${session.user}</span>
      <form method="post" action="/logout"><button>Log out</button></form>`,
    main: html`
      <h1>Hello, ${session.user}</h1>
      <p class="lead">You have seen this page <strong>${session.views}</strong>
        ${session.views === 1 ? 'time' : 'times'} since you logged in.</p>
      ${dare({ session, startedAt })}
      ${devicesCard({ session, devices })}
      <div class="columns">
        ${shopCard()}
        ${cartCard(session.cart)}
      </div>
      ${figuresCard(figures)}`,
  })
}

/** When something went wrong. Says no more than the visitor can use. */
exports.failure = function failure({ status }) {
  return page({
    title: 'Sorry',
    main: html`
      <h1>${status < 500 ? 'That request made no sense' : 'Something went wrong'}</h1>
      <p class="lead">${status < 500 ? 'Please try again from the first page.' : 'The server’s log says what.'}
        <a href="/">Back to the first page</a></p>`,
  })
}

/** What the server prints once it serves. */
exports.invitation = function invitation({ port, sessionsDir, count }) {
  return `
  sessile demo      http://localhost:${port}

  sessions kept in  ${sessionsDir} (${count} in there now)
  process           ${process.pid}

  Log in, then        kill -9 ${process.pid}
  and run             make demo
  again: you are still logged in.
`
}

function dare({ session, startedAt }) {
  const kill = `kill -9 ${process.pid}`
  if (session.createdAt < startedAt) {
    return html`
      <p class="dare"><strong>Your session has outlived the server.</strong>
        It began ${time(session.createdAt)}; this process started only ${time(startedAt)}.
        Once more? <code>${kill}</code></p>`
  }
  return html`
    <p class="dare"><strong>Now kill the server.</strong>
      Run <code>${kill}</code>, then <code>make demo</code> again: you will still be here.</p>`
}

function devicesCard({ session: { user, cookie }, devices }) {
  return html`
    <section class="card" aria-labelledby="devices">
      <div class="head">
        <h2 id="devices">Your devices</h2>
        ${
          devices.length > 1 &&
          html`<form method="post" action="/devices/log-out-others"><button>Log out all others</button></form>`
        }
      </div>
      <table class="devices">
        <thead>
          <tr><th>Device</th><th>Logged in</th><th>Last seen</th><td></td></tr>
        </thead>
        <tbody>
          ${devices.map(deviceRow)}
        </tbody>
      </table>
      <p class="remark">
        ${devices.length === 1 && `Log in as ${user} in another browser or a private window: it is listed here.`}
        This device is logged out ${time(cookie.expires)}, ${cookie.originalMaxAge / DAY_MS} days after your last
        visit.</p>
    </section>`
}

function deviceRow({ handle, name, address, created, lastSeen, isThis }) {
  return html`
    <tr>
      <td><b>${name}</b>${isThis && html` <span class="tag">This device</span>`}<small>${address}</small></td>
      <td>${time(created)}</td>
      <td>${isThis ? 'now' : time(lastSeen)}</td>
      <td>${
        handle &&
        !isThis &&
        html`
        <form method="post" action="/devices/log-out">
          <button name="device" value="${handle}" aria-label="Log out ${name}">Log out</button>
        </form>`
      }</td>
    </tr>`
}

function shopCard() {
  return html`
    <section class="card" aria-labelledby="shop">
      <h2 id="shop">The shop</h2>
      <ul class="rows">
        ${[...catalogue].map(
          ([id, { name, about, price }]) => html`
          <li>
            <span class="grow"><b>${name}</b><small>${about}</small></span>
            <span class="price">$${price}</span>
            ${cartButton('add', id, `Add ${name} to the cart`, 'Add')}
          </li>`
        )}
      </ul>
    </section>`
}

function cartCard(cart) {
  const lines = Object.entries(cart).map(([id, count]) => ({ id, count, ...catalogue.get(id) }))
  const total = lines.reduce((sum, { count, price }) => sum + count * price, 0)
  return html`
    <section class="card" aria-labelledby="cart">
      <h2 id="cart">Your cart</h2>
      ${
        lines.length === 0
          ? html`<p class="empty">Nothing in it yet. What you add is kept in your session.</p>`
          : html`
          <ul class="rows">
            ${lines.map(
              ({ id, count, name, price }) => html`
              <li>
                <span class="grow"><b>${name}</b><small>${count} × $${price}</small></span>
                <span class="price">$${count * price}</span>
                ${cartButton('remove', id, `Remove one ${name} from the cart`, 'Remove')}
              </li>`
            )}
          </ul>
          <p class="total"><span>Total</span> <strong>$${total}</strong></p>`
      }
    </section>`
}

function cartButton(change, id, label, text) {
  return html`
    <form method="post" action="/cart/${change}">
      <button name="item" value="${id}" aria-label="${label}">${text}</button>
    </form>`
}

function figuresCard(figures) {
  return html`
    <section class="card" aria-labelledby="figures">
      <h2 id="figures">The store, live</h2>
      <dl class="facts">
        ${figures.map(
          ({ id, name, value, remark }) => html`
          <div data-figure="${id}">
            <dt>${name}</dt><dd class="value">${value}</dd><dd class="remark">${remark}</dd>
          </div>`
        )}
      </dl>
    </section>`
}

/** A moment, in UTC; live.js puts it into the reader's own time zone and language. */
function time(moment) {
  const date = new Date(moment)
  const text = date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC' })
  return html`<time datetime="${date.toISOString()}">${text} UTC</time>`
}

function page({ title, aside, main }) {
  return String(html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title} · sessile demo</title>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
    <script src="/live.js" defer></script>
  </head>
  <body>
    <header>
      <div class="bar">
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28">sessile <span>demo</span></a>
        ${aside}
      </div>
    </header>
    <main>
      <p class="gone" id="gone" role="status" hidden>The server does not answer. Start it again, and
        this page goes on.</p>${main}
    </main>
  </body>
</html>
`)
}
