// The package as it is installed: by require, by import, without express-session. What its addon is, addon.test.js says.
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { run } = require('./support/child.js')
const { PACKAGE, install } = require('./support/installed.js')
const { temporary } = require('./support/store.js')

// An application's directory, with express-session as npm would have put it there, and no sessile.
function applicationIn(t) {
  const directory = temporary(t)
  fs.mkdirSync(path.join(directory, 'node_modules'))
  fs.symlinkSync(
    path.join(PACKAGE, 'node_modules', 'express-session'),
    path.join(directory, 'node_modules', 'express-session')
  )
  return directory
}

describe('the package', () => {
  test('is the same by import as by require', async () => {
    const imported = await import('../index.mjs')
    const required = require('../index.js')
    assert.deepEqual(Object.keys(imported).sort(), ['SessileError', 'SessileStore', 'idGenerator'])
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

  test('has its command, which needs no framework', (t) => {
    const directory = install(t)
    const { bin } = require('../package.json')
    const line = `${JSON.stringify({ id: 'a', session: { cookie: {} } })}\n`
    const words = ['import', 'lines', '-', '--to', path.join(path.dirname(directory), 'sessions')]
    const { stdout, stderr } = spawnSync(path.join(directory, bin.sessile), words, {
      input: line,
      encoding: 'utf8',
    })
    assert.match(stdout, /^imported into .*: 1\n/, stderr)
  })

  test('finds the express-session of the application whose main module requires it', async (t) => {
    const directory = install(t)
    const application = applicationIn(t)
    const file = path.join(application, 'app.js')
    fs.writeFileSync(
      file,
      `
        const { SessileStore } = require(${JSON.stringify(directory)})
        const { Store } = require('express-session')
        console.log(SessileStore.prototype instanceof Store)
      `
    )
    const { stdout } = spawnSync(process.execPath, [file], { cwd: directory, encoding: 'utf8' })
    assert.equal(stdout, 'true\n')
  })

  test('finds the express-session of the application in whose directory the process runs', (t) => {
    const directory = install(t)
    const { stdout } = spawnSync(process.execPath, ['-p', `typeof require('${directory}').SessileStore`], {
      cwd: applicationIn(t),
      encoding: 'utf8',
    })
    assert.equal(stdout, 'function\n')
  })

  test('prefers the express-session beside it', (t) => {
    const directory = install(t)
    const application = applicationIn(t)
    const beside = path.join(path.dirname(directory), 'express-session')
    fs.mkdirSync(beside)
    fs.writeFileSync(path.join(beside, 'index.js'), 'exports.Store = class Beside {}')
    const code = `require('${beside}').Store.isPrototypeOf(require('${directory}').SessileStore)`
    const { stdout } = spawnSync(process.execPath, ['-p', code], { cwd: application, encoding: 'utf8' })
    assert.equal(stdout, 'true\n')
  })

  test('without express-session says what to install', (t) => {
    const directory = install(t)
    const code = `try { require('${directory}') } catch (error) { error.message }`
    const { stdout } = spawnSync(process.execPath, ['-p', code], { cwd: directory, encoding: 'utf8' })
    assert.match(stdout, /needs express-session.*npm install express-session/)
  })

  for (const framework of ['koa', 'fastify']) {
    describe(`for ${framework}`, () => {
      test('is the same by import as by require', async () => {
        const imported = await import(`../${framework}/index.mjs`)
        const required = require(`../${framework}/index.js`)
        assert.deepEqual(Object.keys(imported).sort(), [
          'SessileError',
          'SessileStore',
          'default',
          'idGenerator',
        ])
        assert.equal(imported.default, required.SessileStore)
        for (const name of Object.keys(imported)) assert.equal(imported[name], required[name])
        assert.equal(required.SessileError, require('../index.js').SessileError)
      })

      test('works by its name and without express-session, by import and by require', (t) => {
        const application = path.dirname(path.dirname(install(t)))
        const use = `
          async function use(SessileStore, path) {
            const store = await SessileStore.open({ path })
            await store.set('id', { cookie: {}, user: 'ada' }, undefined)
            console.log((await store.get('id')).user)
            await store.close()
          }
        `
        const byImport = `import Store, { SessileStore } from 'sessile/${framework}'
          ${use}
          await use(SessileStore, './one')
          console.log(Store === SessileStore)`
        const byRequire = `const { SessileStore, default: Store } = require('sessile/${framework}')
          ${use}
          use(SessileStore, './other').then(() => console.log(Store === SessileStore))`
        for (const [name, code] of Object.entries({ 'app.mjs': byImport, 'app.cjs': byRequire })) {
          fs.writeFileSync(path.join(application, name), code)
          const { stdout, stderr } = spawnSync(process.execPath, [name], {
            cwd: application,
            encoding: 'utf8',
          })
          assert.equal(stdout, 'ada\ntrue\n', stderr)
        }
      })

      test('has types that need no express-session', () => {
        for (const file of ['common.d.ts', `${framework}/index.d.ts`, `${framework}/index.d.mts`]) {
          const declarations = fs.readFileSync(path.join(PACKAGE, file), 'utf8')
          assert.doesNotMatch(declarations, /from '(express-session|\.\.\/index\.js)'/)
        }
      })
    })
  }

  test('runs nothing when it is installed', () => {
    const { scripts } = require('../package.json')
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      assert.equal(scripts[name], undefined)
  })
})
