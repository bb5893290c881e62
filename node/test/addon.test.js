// Which addon the package loads, and what it says where there is none that fits.
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { libcOf, platformName } = require('../lib/platform.js')
const { ADDON, install, installPrebuilt, installWithoutAddon } = require('./support/installed.js')
const { temporary } = require('./support/store.js')

const ON_GLIBC = /^linux-x64-glibc$/.test(platformName())
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'

// What a process says that loads the package: "loaded", or the error's code and message.
function load(directory, { flags = [], options = {} } = {}) {
  const code = `
    try { require(${JSON.stringify(path.join(directory, 'koa'))}); console.log('loaded') }
    catch (error) { console.log(error.code + ': ' + error.message) }
  `
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', code], {
    encoding: 'utf8',
    ...options,
  })
  assert.notEqual(stdout, '', stderr)
  return stdout.trimEnd()
}

function prebuiltIn(directory) {
  return path.join(directory, 'prebuilds', platformName(), 'sessile.node')
}

// The addon with `text` for what it has in that place, which is as long.
function addonWith(text, place) {
  const bytes = fs.readFileSync(ADDON)
  const at = bytes.indexOf(`${place}\0`)
  assert.notEqual(at, -1)
  bytes.write(text.padEnd(place.length, '\0'), at)
  return bytes
}

describe('the addon', () => {
  test('that a checkout has built is loaded, though there is a prebuilt one', (t) => {
    const directory = installPrebuilt(t, 'not an addon')
    fs.cpSync(ADDON, path.join(directory, 'sessile.node'))
    assert.equal(load(directory), 'loaded')
  })

  test('is otherwise the prebuilt one for the platform', (t) => {
    assert.equal(load(installPrebuilt(t)), 'loaded')
  })

  test('that a checkout has built and that does not load is an error, though there is a prebuilt one', (t) => {
    const directory = installPrebuilt(t)
    fs.writeFileSync(path.join(directory, 'sessile.node'), 'not an addon')
    const error = load(directory)
    assert.match(
      error,
      /^ERR_SESSILE_ADDON: .*sessile\.node could not be loaded on .*; run `make build-node`/
    )
  })
})

describe('without an addon the error', () => {
  test('names the platform, the files that are missing, and how to build them', (t) => {
    const directory = installWithoutAddon(t)
    const error = load(directory)
    assert.ok(error.startsWith(`ERR_SESSILE_ADDON: sessile has no addon for ${platformName()}: `), error)
    assert.ok(error.includes(path.join(directory, 'sessile.node')), error)
    assert.ok(error.includes(`${path.dirname(prebuiltIn(directory))} does not exist`), error)
    assert.match(error, /this package has no prebuilt addon\. .*`make build-node`.*`make package`/)
  })

  test('names the platforms that the package has one for', (t) => {
    const directory = installWithoutAddon(t)
    for (const platform of ['plan9-x64', 'linux-vax-glibc']) {
      fs.mkdirSync(path.join(directory, 'prebuilds', platform), { recursive: true })
    }
    assert.match(load(directory), /this package has prebuilt addons for linux-vax-glibc, plan9-x64\. /)
  })
})

describe('an addon that does not load is an error that says', () => {
  const says = (error, reason, remedy) => {
    assert.match(error, /^ERR_SESSILE_ADDON: sessile's addon .*sessile\.node could not be loaded on /)
    assert.match(error, reason)
    assert.match(error, remedy)
  }
  const TO_BUILD_IT = /; run `make package` in a checkout of sessile on a machine like this one/

  test('that the glibc is too old', { skip: !ON_GLIBC }, (t) => {
    const directory = installPrebuilt(t, addonWith('GLIBC_9.17', 'GLIBC_2.17'))
    const { glibcVersionRuntime } = process.report.getReport().header
    const reason = `: it needs glibc 9.17 or later, and this system has ${glibcVersionRuntime} \\(`
    says(load(directory), new RegExp(reason), TO_BUILD_IT)
  })

  test('that it is for musl', { skip: !ON_GLIBC }, (t) => {
    const directory = installPrebuilt(t, addonWith('libc.musl.so', 'libgcc_s.so.1'))
    says(load(directory), /: it was built for musl, and Node runs on glibc here \(/, TO_BUILD_IT)
  })

  test('which library is missing', { skip: !ON_GLIBC }, (t) => {
    const directory = installPrebuilt(t, addonWith('libgcc_9.so.1', 'libgcc_s.so.1'))
    says(load(directory), /: it needs libgcc_9\.so\.1, which this system does not have \(/, TO_BUILD_IT)
  })

  test('that it is for another processor', { skip: !ON_GLIBC }, (t) => {
    const bytes = fs.readFileSync(ADDON)
    bytes.writeUInt16LE(0xb7, 18)
    says(load(installPrebuilt(t, bytes)), /: it is for another kind of machine, or damaged \(/, TO_BUILD_IT)
  })

  test('that it is no addon', (t) => {
    const directory = installPrebuilt(
      t,
      'not an addon, and not for any machine, whatever its name says it is'
    )
    says(load(directory), /: it is for another kind of machine, or damaged \(/, TO_BUILD_IT)
  })

  test('that the user may not read it', { skip: process.platform === 'win32' }, (t) => {
    const directory = installPrebuilt(t)
    fs.chmodSync(path.join(directory, '..', '..'), 0o755)
    fs.chmodSync(prebuiltIn(directory), 0)
    // Root may read everything.
    const options = process.getuid() === 0 ? { uid: 65534, cwd: '/' } : {}
    says(load(directory, { options }), /: this user may not read it \(/, /; let the user that runs Node read/)
  })

  test('that Node was told not to load addons', (t) => {
    const error = load(installPrebuilt(t), { flags: ['--no-addons'] })
    says(error, /: Node was told not to load addons \(/, /; start it without --no-addons/)
  })
})

describe("under Node's permission model", () => {
  test('without --allow-addons the error names the flags', (t) => {
    const directory = installPrebuilt(t)
    const error = load(directory, { flags: [PERMISSION, '--allow-fs-read=*'] })
    assert.match(error, /^ERR_SESSILE_ADDON: .*: Node's permission model allows no addons \(/)
    const flags = `start Node with --allow-addons and, to read the package, --allow-fs-read=${directory}${path.sep};`
    assert.ok(error.includes(flags), error)
  })

  for (const [which, installed] of [
    ['that a checkout has built', install],
    ['that is prebuilt', installPrebuilt],
  ]) {
    test(`with those flags the addon ${which} is loaded`, (t) => {
      const directory = installed(t)
      const flags = [PERMISSION, '--allow-addons', `--allow-fs-read=${path.join(directory, path.sep)}`]
      assert.equal(load(directory, { flags }), 'loaded')
    })
  }

  test("the store's files need no permission", (t) => {
    const directory = installPrebuilt(t)
    const store = path.join(temporary(t), 'sessions')
    const code = `
      const { SessileStore } = require(${JSON.stringify(path.join(directory, 'koa'))})
      const fs = require('node:fs')
      const path = ${JSON.stringify(store)}
      async function main() {
        const store = await SessileStore.open({ path })
        await store.set('id', { user: 'ada' })
        await store.close()
        const again = await SessileStore.open({ path })
        console.log((await again.get('id')).user)
        await again.close()
        for (const use of [() => fs.readdirSync(path), () => fs.writeFileSync(path + '/mine', '')]) {
          try { use() } catch (error) { console.log(error.code) }
        }
      }
      main()
    `
    const flags = [PERMISSION, '--allow-addons', `--allow-fs-read=${path.join(directory, path.sep)}`]
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', code], { encoding: 'utf8' })
    assert.equal(stdout, 'ada\nERR_ACCESS_DENIED\nERR_ACCESS_DENIED\n', stderr)
    assert.notDeepEqual(fs.readdirSync(store), [])
  })
})

describe('the C library of an executable', () => {
  // A 64-bit ELF file with two segments, of which the second names the loader.
  function executableWith(t, loader) {
    const bytes = Buffer.alloc(64 + 2 * 56)
    bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
    bytes.writeBigUInt64LE(64n, 32)
    bytes.writeUInt16LE(2, 56)
    bytes.writeUInt32LE(6, 64)
    bytes.writeUInt32LE(3, 64 + 56)
    bytes.writeBigUInt64LE(BigInt(bytes.length), 64 + 56 + 8)
    bytes.writeBigUInt64LE(BigInt(loader.length + 1), 64 + 56 + 32)
    return fileWith(t, Buffer.concat([bytes, Buffer.from(`${loader}\0`)]))
  }

  function fileWith(t, bytes) {
    const file = path.join(temporary(t), 'node')
    fs.writeFileSync(file, bytes)
    return file
  }

  for (const [loader, libc] of [
    ['/lib64/ld-linux-x86-64.so.2', 'glibc'],
    ['/lib/ld-linux-aarch64.so.1', 'glibc'],
    ['/nix/store/0c7c-glibc-2.40/lib/ld-linux-x86-64.so.2', 'glibc'],
    ['/lib/ld-musl-x86_64.so.1', 'musl'],
    ['/lib/ld-musl-aarch64.so.1', 'musl'],
    ['/system/bin/linker64', undefined],
  ]) {
    test(`that is loaded by ${loader} is ${libc ?? 'not known'}`, (t) => {
      assert.equal(libcOf(executableWith(t, loader)), libc)
    })
  }

  test('is not known of a script, of an ELF file that ends too early, and of one that is not there', (t) => {
    const whole = fs.readFileSync(executableWith(t, '/lib/ld-musl-x86_64.so.1'))
    assert.equal(libcOf(fileWith(t, '#!/bin/sh\nexec /lib/ld-musl-x86_64.so.1 node "$@"\n')), undefined)
    assert.equal(libcOf(fileWith(t, whole.subarray(0, 60))), undefined)
    assert.equal(libcOf(path.join(temporary(t), 'node')), undefined)
  })

  test("is glibc of this process's", { skip: !ON_GLIBC }, () => {
    assert.equal(libcOf(process.execPath), 'glibc')
  })
})
