// What is in the package: the files that package.json lists, the readme, the licences, and an addon for each platform.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

const NODE = path.join(__dirname, '..')
const CHECKOUT = path.join(NODE, '..')
const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT']
// What package.json lists and only a package has; and a checkout's own addon, which is for its own machine.
const ELSEWHERE = [...LICENCES, 'LICENSE-THIRD-PARTY', 'prebuilds', 'sessile.node']
// What the kinds of files are that a package may have: neither sources of the addon, nor tests, nor what an editor left.
const KINDS = [
  /^(index|common)\.(js|mjs|d\.ts|d\.mts)$/,
  /^(koa|fastify)\/[a-z-]+\.(js|mjs|d\.ts|d\.mts)$/,
  /^lib\/[a-z-]+\.js$/,
  /^cli\/(sources\/)?[a-z0-9-]+\.js$/,
  /^prebuilds\/[a-z0-9-]+\/sessile\.node$/,
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE-(APACHE|MIT|THIRD-PARTY)$/,
]

// The files of the checkout that go into the package: where each is, by its name in the package.
function filesOfCheckout() {
  const { files } = JSON.parse(fs.readFileSync(path.join(NODE, 'package.json'), 'utf8'))
  const listed = files.filter((name) => !ELSEWHERE.includes(name))
  const sources = new Map()
  for (const name of ['package.json', 'README.md', ...listed]) {
    for (const file of filesBelow(NODE, name)) sources.set(file, path.join(NODE, file))
  }
  for (const name of LICENCES) sources.set(name, path.join(CHECKOUT, name))
  return sources
}

// The files of `name`, which is one or a folder, by their paths from `directory`, with slashes.
function filesBelow(directory, name) {
  if (!fs.statSync(path.join(directory, name)).isDirectory()) return [name]
  const entries = fs.readdirSync(path.join(directory, name)).sort()
  return entries.flatMap((entry) => filesBelow(directory, path.posix.join(name, entry)))
}

// Throws unless the files in `directory` are `expected`, and all of a kind that a package has.
function checkContents(directory, expected) {
  const found = filesBelow(directory, '.')
  const [missing, surplus] = [without(expected, found), without(found, expected)]
  const strange = found.filter((file) => !KINDS.some((kind) => kind.test(file)))
  if (missing.length > 0) throw new Error(`the package lacks ${missing.join(', ')}`)
  if (surplus.length > 0) throw new Error(`the package has what is not listed: ${surplus.join(', ')}`)
  if (strange.length > 0)
    throw new Error(`the package has what is no part of one: ${strange.join(', ')}; see ${__filename}`)
}

function without(files, others) {
  return files.filter((file) => !others.includes(file))
}

module.exports = { CHECKOUT, NODE, checkContents, filesBelow, filesOfCheckout }
