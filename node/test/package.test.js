// The package as it is installed: by require, by import, without its addon, without express-session.
'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run } = require('./support/child.js')
const { temporary } = require('./support/store.js')

const PACKAGE = path.join(__dirname, '..')

// The files a user gets, in a place of their own, without what `leaveOut` names.
function install(t, leaveOut) {
  const directory = path.join(temporary(t), 'node_modules', 'sessile')
  const { files } = require('../package.json')
  for (const file of ['package.json', ...files]) {
    if (file === leaveOut) continue
    fs.cpSync(path.join(PACKAGE, file), path.join(directory, file), { recursive: true })
  }
  return directory
}

describe('the package', () => {
  test('is the same by import as by require', async () => {
    const imported = await import('../index.mjs')
    const required = require('../index.js')
    assert.deepEqual(Object.keys(imported).sort(), ['SessileError', 'SessileStore'])
    assert.equal(imported.SessileStore, required.SessileStore)
    assert.equal(imported.SessileError, required.SessileError)
  })

  test('is found by its name, by import and by require', async (t) => {
    const directory = path.join(temporary(t), 'node_modules')
    fs.mkdirSync(directory)
    fs.symlinkSync(PACKAGE, path.join(directory, 'sessile'))
    const file = path.join(path.dirname(directory), 'app.mjs')
    fs.writeFileSync(file, "import { SessileStore } from 'sessile'\nconsole.log(SessileStore.name)\n")
    const byImport = await run(t, "import(process.argv[1]).then(() => say('imported'))", file)
    assert.equal(byImport.output, 'SessileStore\nimported\n')
  })

  test('lists every file that it needs', async (t) => {
    const directory = install(t)
    const modules = path.dirname(directory)
    fs.symlinkSync(
      path.join(PACKAGE, 'node_modules', 'express-session'),
      path.join(modules, 'express-session')
    )
    const { output, errors } = await run(t, 'say(typeof require(process.argv[1]).SessileStore)', directory)
    assert.equal(output, 'function\n', errors)
  })

  test('without its addon says how to build it', async (t) => {
    const directory = install(t, 'sessile.node')
    const code = 'try { require(process.argv[1]) } catch (error) { say(error.code + ": " + error.message) }'
    const { output } = await run(t, code, directory)
    assert.match(output, /^ERR_SESSILE_ADDON: .*sessile\.node is missing; run `make build`/)
  })

  test('with an addon of another machine says so', async (t) => {
    const directory = install(t, 'sessile.node')
    fs.writeFileSync(path.join(directory, 'sessile.node'), 'not for this machine')
    const code = 'try { require(process.argv[1]) } catch (error) { say(error.code + ": " + error.message) }'
    const { output } = await run(t, code, directory)
    assert.match(output, /^ERR_SESSILE_ADDON: .*could not be loaded/)
  })

  test('without express-session says what to install', async (t) => {
    const directory = install(t)
    const code = 'try { require(process.argv[1]) } catch (error) { say(error.message) }'
    const { output } = await run(t, code, directory)
    assert.match(output, /npm install express-session/)
  })

  test('runs nothing when it is installed', () => {
    const { scripts } = require('../package.json')
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.equal(scripts[name], undefined)
  })
})
