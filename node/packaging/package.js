// Makes the npm package with prebuilt addons inside, and shows that it works where there is no compiler.
//
//   npm run package              with the addon that `make build-node` has built, into dist/
//   npm run package -- --check   the same, and leaves nothing behind
//
// With PREBUILT=folder in the environment its addons are taken instead: folder/PLATFORM/sessile.node for each platform.
// The one of this platform has to be among them, since it is run. Nothing is left in dist/ that has not been shown to
// work.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { platformName } = require('../lib/platform.js')
const { checkAddon } = require('./addon-file.js')
const { CHECKOUT, NODE, checkContents, filesOfCheckout } = require('./contents.js')
const { licencesOf } = require('./licences.js')
const { bareEnvironment, node, npm } = require('./npm.js')

const DIST = path.join(CHECKOUT, 'dist')
const APP = path.join(__dirname, 'app')

function main() {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'sessile-package-'))
  try {
    const addons = process.env.PREBUILT ? addonsIn(path.resolve(CHECKOUT, process.env.PREBUILT)) : ownAddon()
    const stage = path.join(scratch, 'stage')
    const files = compose(stage, addons)
    const env = bareEnvironment(path.join(scratch, 'home'))
    const tarball = pack(stage, scratch, env)
    verify(tarball, files, path.join(scratch, 'app'), env)
    if (!process.argv.includes('--check')) keep(tarball, path.join(stage, 'prebuilds'))
  } finally {
    fs.rmSync(scratch, { recursive: true, force: true })
  }
}

// Both return files by the platforms that they are for.

function ownAddon() {
  return new Map([[platformName(), path.join(NODE, 'sessile.node')]])
}

function addonsIn(folder) {
  const platforms = fs.readdirSync(folder).sort()
  const here = platformName()
  if (!platforms.includes(here)) {
    throw new Error(`${folder} has no addon for ${here}, so that nothing of the package can be run here`)
  }
  return new Map(platforms.map((platform) => [platform, path.join(folder, platform, 'sessile.node')]))
}

// Puts the package together, and returns the names of its files.
function compose(stage, addons) {
  const files = filesOfCheckout()
  for (const [platform, file] of addons) {
    const glibc = checkAddon(file, platform)
    const needs = glibc === undefined ? '' : `, needs glibc ${glibc}`
    console.log(`${platform}: ${kibibytes(fs.statSync(file).size)}${needs}`)
    files.set(`prebuilds/${platform}/sessile.node`, file)
  }
  for (const [name, source] of files) fs.cpSync(source, path.join(stage, name))
  fs.writeFileSync(path.join(stage, 'LICENSE-THIRD-PARTY'), licencesOf([...addons.keys()]))
  return [...files.keys(), 'LICENSE-THIRD-PARTY']
}

function pack(stage, to, env) {
  const [packed] = JSON.parse(npm(['pack', '--json', '--pack-destination', to], { cwd: stage, env }))
  for (const file of packed.files) console.log(`  ${file.path} ${kibibytes(file.size)}`)
  console.log(`${packed.filename}: ${kibibytes(packed.size)}, installed ${kibibytes(packed.unpackedSize)}`)
  return path.join(to, packed.filename)
}

// Installs the package in `folder` and runs an application on it, by nothing but Node and the tarball.
function verify(tarball, files, folder, env) {
  fs.mkdirSync(folder)
  npm(['install', tarball], { cwd: folder, env })
  checkContents(path.join(folder, 'node_modules', 'sessile'), files)
  // The registry is not asked for it: the one that the tests use will do.
  const expressSession = path.join('node_modules', 'express-session')
  fs.symlinkSync(path.join(NODE, expressSession), path.join(folder, expressSession), 'junction')
  fs.cpSync(APP, folder, { recursive: true })
  for (const program of ['by-require.js', 'by-import.mjs']) {
    process.stdout.write(node([program], { cwd: folder, env }))
  }
  runCommand({ cwd: folder, env })
  console.log(`installed and run on ${platformName()} with Node ${process.version}, without a compiler`)
}

// Starts the installed command, as a person does: it says its version, and takes a session to a store and back.
function runCommand(options) {
  const sessile = (...words) => npm(['exec', '--no', '--', 'sessile', ...words], options)
  const { version } = JSON.parse(fs.readFileSync(path.join(NODE, 'package.json'), 'utf8'))
  assert.equal(sessile('--version'), `${version}\n`)
  const line = '{"id":"id","session":{"cookie":{}},"expires":"2100-01-01T00:00:00.000Z"}\n'
  fs.writeFileSync(path.join(options.cwd, 'sessions.jsonl'), line)
  sessile('import', 'lines', 'sessions.jsonl', '--to', 'sessions-4')
  assert.equal(sessile('export', 'sessions-4'), line)
  console.log(`sessile ${version} works as a command`)
}

function keep(tarball, prebuilds) {
  fs.rmSync(DIST, { recursive: true, force: true })
  fs.cpSync(prebuilds, path.join(DIST, 'prebuilds'), { recursive: true })
  fs.copyFileSync(tarball, path.join(DIST, path.basename(tarball)))
  console.log(path.join(DIST, path.basename(tarball)))
}

function kibibytes(bytes) {
  return `${Math.ceil(bytes / 1024)} KiB`
}

main()
