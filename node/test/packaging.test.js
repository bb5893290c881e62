// What `make package` accepts: addons for the platforms whose names they are under, and the files of a package.
'use strict'

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const { platformName } = require('../lib/platform.js')
const { checkAddon, latestOf } = require('../packaging/addon-file.js')
const { checkContents, filesOfCheckout } = require('../packaging/contents.js')
const platforms = require('../packaging/platforms.js')
const { ADDON, PACKAGE } = require('./support/installed.js')
const { temporary } = require('./support/store.js')

const CHECKOUT = path.join(PACKAGE, '..')

// The headers of files for platforms that this machine is not.
const HEADERS = {
  'darwin-x64': machO(0x01000007),
  'darwin-arm64': machO(0x0100000c),
  'win32-x64': portableExecutable(0x8664),
  'linux-x64-musl': elf(0x3e),
  'linux-arm64-musl': elf(0xb7),
}

function machO(machine) {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(0xfeedfacf, 0)
  bytes.writeUInt32LE(machine, 4)
  return bytes
}

function portableExecutable(machine) {
  const bytes = Buffer.alloc(160)
  bytes.write('MZ', 'latin1')
  bytes.writeUInt32LE(128, 0x3c)
  bytes.write('PE\0\0', 128, 'latin1')
  bytes.writeUInt16LE(machine, 132)
  return bytes
}

// Without sections, so that it needs no version of any symbol.
function elf(machine) {
  const bytes = Buffer.alloc(64)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  bytes.writeUInt16LE(machine, 18)
  return bytes
}

function fileWith(t, bytes) {
  const file = path.join(temporary(t), 'sessile.node')
  fs.writeFileSync(file, bytes)
  return file
}

describe('an addon', () => {
  test('of this machine is one for its platform alone', () => {
    for (const platform of Object.keys(platforms)) {
      const check = () => checkAddon(ADDON, platform)
      if (platform === platformName()) assert.doesNotThrow(check)
      else assert.throws(check, /is no addon for/)
    }
  })

  for (const [platform, bytes] of Object.entries(HEADERS)) {
    test(`for ${platform} is none for another platform`, (t) => {
      const file = fileWith(t, bytes)
      for (const other of Object.keys(platforms)) {
        const check = () => checkAddon(file, other)
        if (other === platform) assert.doesNotThrow(check)
        else assert.throws(check, { message: new RegExp(`is no addon for ${other}: `) })
      }
    })
  }

  test('has a platform that is known', () => {
    assert.throws(() => checkAddon(ADDON, 'linux-vax-glibc'), /linux-vax-glibc is no platform that a package/)
  })

  test('is not empty, nor any other file', (t) => {
    for (const bytes of [
      '',
      'MZ',
      'MZ and what follows is no header of anything, though it is long enough',
      '{}',
    ])
      assert.throws(
        () => checkAddon(fileWith(t, bytes), 'win32-x64'),
        /should be PE for machine 0x8664, and is nothing that a system loads/
      )
  })

  test('needs the glibc that objdump says', { skip: !hasObjdump() && 'needs objdump' }, () => {
    const { stdout } = spawnSync('objdump', ['-T', ADDON], { encoding: 'utf8' })
    const versions = Array.from(stdout.matchAll(/GLIBC_(\d+)\.(\d+)/g), ([, major, minor]) => [
      +major,
      +minor,
    ])
    const [major, minor] = versions.sort(([a, b], [c, d]) => a - c || b - d).at(-1)
    assert.equal(checkAddon(ADDON, platformName()), `${major}.${minor}`)
  })

  test('needs the latest of the versions that its symbols have, which is not the last in the alphabet', () => {
    assert.equal(latestOf(['2.17', '2.9', '2.34', '2.3.4', '2.4']), '2.34')
    assert.equal(latestOf([]), undefined)
  })

  function hasObjdump() {
    return platformName().endsWith('-glibc') && spawnSync('objdump', ['--version']).status === 0
  }
})

describe('the contents of a package', () => {
  // An installed package, and the names of its files.
  function packageIn(t) {
    const directory = temporary(t)
    const files = [
      ...filesOfCheckout().keys(),
      'LICENSE-THIRD-PARTY',
      'prebuilds/linux-x64-musl/sessile.node',
    ]
    for (const file of files) add(directory, file)
    return { directory, files }
  }

  function add(directory, file) {
    fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true })
    fs.writeFileSync(path.join(directory, file), '')
  }

  test('are all that is listed', (t) => {
    const { directory, files } = packageIn(t)
    checkContents(directory, files)
    fs.rmSync(path.join(directory, 'LICENSE-MIT'))
    assert.throws(() => checkContents(directory, files), /lacks LICENSE-MIT$/)
  })

  test('are nothing else', (t) => {
    const { directory, files } = packageIn(t)
    add(directory, 'lib/more.js')
    assert.throws(() => checkContents(directory, files), /what is not listed: lib\/more\.js$/)
  })

  for (const file of [
    'src/lib.rs',
    'test/close.test.js',
    'koa/store.test.js',
    'lib/.native.js.swp',
    'sessile.node',
    'package-lock.json',
    'packaging/npm.js',
  ]) {
    test(`are of the kinds that a package has, which ${file} is not`, (t) => {
      const { directory, files } = packageIn(t)
      add(directory, file)
      assert.throws(() => checkContents(directory, [...files, file]), /what is no part of one/)
    })
  }
})

describe('a platform', () => {
  const named = (file, pattern) =>
    Array.from(
      fs.readFileSync(path.join(CHECKOUT, file), 'utf8').matchAll(pattern),
      ([, name]) => name
    ).sort()

  test('is one that the release workflow builds', () => {
    const built = named('.github/workflows/release.yml', /platform: ([a-z0-9-]+)/g)
    assert.deepEqual(built, Object.keys(platforms).sort())
  })

  test('has its state in the documentation', () => {
    const documented = named('docs/packaging.md', /^\| `([a-z0-9]+-[a-z0-9-]+)` \|/gm)
    assert.deepEqual(documented, Object.keys(platforms).sort())
  })
})
