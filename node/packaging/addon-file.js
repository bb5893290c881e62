// What the bytes of an addon say of where it can be loaded: its format, its machine, and the glibc that it needs.
'use strict'

const fs = require('node:fs')
const platforms = require('./platforms.js')

// Throws unless `file` is a shared library for `platform`; returns the highest version of glibc that it needs, or
// undefined for a platform without glibc.
function checkAddon(file, platform) {
  const expected = platforms[platform]
  if (expected === undefined) {
    throw new Error(
      `${file}: ${platform} is no platform that a package may have; those are ${Object.keys(platforms)}`
    )
  }
  const bytes = fs.readFileSync(file)
  const found = headerOf(bytes)
  if (found.format !== expected.format || found.machine !== expected.machine) {
    throw new Error(
      `${file} is no addon for ${platform}: it should be ${nameOf(expected)}, and is ${nameOf(found)}`
    )
  }
  if (expected.format !== 'ELF') return undefined
  const glibc = glibcNeeded(bytes)
  const libc = glibc === undefined ? 'musl' : 'glibc'
  if (libc !== expected.libc) {
    throw new Error(`${file} is no addon for ${platform}: it needs ${libc}, not ${expected.libc}`)
  }
  return glibc
}

function nameOf({ format, machine }) {
  return machine === undefined ? format : `${format} for machine 0x${machine.toString(16)}`
}

// A file that is too short for its header is of no format.
function headerOf(bytes) {
  try {
    if (bytes.readUInt32BE(0) === 0x7f454c46) return { format: 'ELF', machine: bytes.readUInt16LE(18) }
    if (bytes.readUInt32LE(0) === 0xfeedfacf) return { format: 'Mach-O', machine: bytes.readUInt32LE(4) }
    const portable = bytes.toString('latin1', 0, 2) === 'MZ' ? bytes.readUInt32LE(0x3c) : undefined
    if (portable !== undefined && bytes.readUInt32BE(portable) === 0x50450000)
      return { format: 'PE', machine: bytes.readUInt16LE(portable + 4) }
  } catch (error) {
    if (error.code !== 'ERR_OUT_OF_RANGE' && error.code !== 'ERR_BUFFER_OUT_OF_BOUNDS') throw error
  }
  return { format: 'nothing that a system loads' }
}

const SECTION_OF_VERSIONS_NEEDED = 0x6ffffffe

// From the versions of symbols that a 64-bit ELF file needs.
function glibcNeeded(bytes) {
  const versions = []
  for (const section of sectionsOf(bytes)) {
    if (section.type !== SECTION_OF_VERSIONS_NEEDED) continue
    const names = sectionsOf(bytes)[section.link].offset
    for (const at of chained(bytes, section.offset, 12)) {
      for (const version of chained(bytes, at + bytes.readUInt32LE(at + 8), 12)) {
        const name = names + bytes.readUInt32LE(version + 8)
        versions.push(bytes.toString('latin1', name, bytes.indexOf(0, name)))
      }
    }
  }
  const ofGlibc = versions.filter((name) => /^GLIBC_\d/.test(name))
  return latestOf(ofGlibc.map((name) => name.slice('GLIBC_'.length)))
}

function latestOf(versions) {
  return versions.sort((one, other) => one.localeCompare(other, 'en', { numeric: true })).at(-1)
}

function sectionsOf(bytes) {
  const [start, size, count] = [
    Number(bytes.readBigUInt64LE(40)),
    bytes.readUInt16LE(58),
    bytes.readUInt16LE(60),
  ]
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      link: bytes.readUInt32LE(at + 40),
    }
  })
}

// The places of the entries of a list of which each has, at `next`, how far it is to the next.
function* chained(bytes, first, next) {
  for (let at = first, step = 1; step !== 0; at += step) {
    step = bytes.readUInt32LE(at + next)
    yield at
  }
}

module.exports = { checkAddon, latestOf }
