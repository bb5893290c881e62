// Why there is no addon: what is missing or does not fit, and what to do about it.
//
// All of these are ERR_SESSILE_ADDON, thrown by whoever loads the package for the first time.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { SessileError } = require('./errors.js')
const { glibcVersion } = require('./platform.js')

function addonIsMissing(platform, builtHere, prebuilds) {
  return new SessileError(
    'ADDON',
    `sessile has no addon for ${platform}: ${path.join(prebuilds, platform)} does not exist, nor does ${builtHere}; ` +
      `this package has ${listOf(prebuilds)}. In a checkout, run \`make build-node\`; for a package with an addon for ` +
      'this platform, run `make package` in a checkout on a machine like this one (Rust 1.90 or later), and install ' +
      'what it makes'
  )
}

function listOf(prebuilds) {
  let platforms
  try {
    platforms = fs.readdirSync(prebuilds)
  } catch (error) {
    if (error.code !== 'ENOENT') return `prebuilt addons that cannot be listed (${error.message})`
    platforms = []
  }
  return platforms.length === 0 ? 'no prebuilt addon' : `prebuilt addons for ${platforms.sort().join(', ')}`
}

// `toBuildIt` is what to do to have one that fits.
function addonDoesNotLoad(file, cause, toBuildIt) {
  const { reason, remedy = toBuildIt } = explanationOf(cause)
  return new SessileError(
    'ADDON',
    `sessile's addon ${file} could not be loaded on ${process.platform} ${process.arch} with Node ` +
      `${process.version}: ${reason} (${cause.message}); ${remedy}`,
    cause
  )
}

const OTHER_MACHINE = 'it is for another kind of machine, or damaged'

// What the loaders of the systems say, as far as its cause is known. Without a remedy, it takes another addon.
const EXPLANATIONS = [
  {
    pattern: /version [`']GLIBC_([\d.]+)' not found/,
    reason: ([, needed]) =>
      `it needs glibc ${needed} or later, and this system has ${glibcVersion() ?? 'another C library'}`,
  },
  {
    pattern: /libc\.musl\b[^:]*: cannot open shared object file/,
    reason: () => 'it was built for musl, and Node runs on glibc here',
  },
  {
    pattern: /Error loading shared library ld-linux|Error relocating .*: symbol not found/,
    reason: () => 'it was built for glibc, and Node runs on musl here',
  },
  {
    // A library that it needs; glibc says the same of the addon itself, though it is there, if it is for another processor.
    pattern: /([^/\s]+): cannot open shared object file: No such file/,
    reason: ([, library]) =>
      library === 'sessile.node' ? OTHER_MACHINE : `it needs ${library}, which this system does not have`,
  },
  {
    pattern: /invalid ELF header|wrong ELF class|file too short|Exec format error/,
    reason: () => OTHER_MACHINE,
  },
  {
    pattern: /mach-o|incompatible architecture|not a valid Win32 application/i,
    reason: () => OTHER_MACHINE,
  },
  {
    pattern: /failed to map segment/,
    reason: () => 'its file system allows no code to run',
    remedy: 'install the package on one that is mounted without noexec',
  },
  {
    pattern: /Permission denied|Access is denied/i,
    reason: () => 'this user may not read it',
    remedy: "let the user that runs Node read the package's files",
  },
]

function explanationOf(cause) {
  if (cause.code === 'ERR_DLOPEN_DISABLED') return whyDisabled()
  for (const { pattern, reason, remedy } of EXPLANATIONS) {
    const match = pattern.exec(cause.message)
    if (match !== null) return { reason: reason(match), remedy }
  }
  return { reason: 'the system refused it' }
}

function whyDisabled() {
  if (process.permission === undefined) {
    return {
      reason: 'Node was told not to load addons',
      remedy:
        'start it without --no-addons, which may also come from NODE_OPTIONS or the options of a worker',
    }
  }
  const folder = path.join(__dirname, '..', path.sep)
  return {
    reason: "Node's permission model allows no addons",
    remedy:
      `start Node with --allow-addons and, to read the package, --allow-fs-read=${folder}; the store reads and ` +
      "writes its files itself, so that for them Node's --allow-fs-read and --allow-fs-write are neither needed nor " +
      'a limit',
  }
}

module.exports = { addonDoesNotLoad, addonIsMissing }
