// Which addon this process needs: its system, its processor and, on Linux, its C library.
'use strict'

const fs = require('node:fs')

// Its name is the name of the addon's folder in `prebuilds`.
function platformName() {
  const name = `${process.platform}-${process.arch}`
  return process.platform === 'linux' ? `${name}-${libcOf(process.execPath) ?? libcOfReport()}` : name
}

// What counts is what Node itself runs on, whatever else is installed. Its executable names the loader that started it,
// which takes a tenth of a millisecond to read, and Node's report takes fifteen. Undefined where the executable does not
// say it, or Node's permission model does not let it be read.
function libcOf(executable) {
  const loader = loaderOf(executable)
  if (loader?.includes('/ld-musl-')) return 'musl'
  if (loader?.includes('/ld-linux')) return 'glibc'
  return undefined
}

// A Node that is linked statically names no libc in its report either, but it can load no addon at all.
function libcOfReport() {
  return glibcVersion() === undefined ? 'musl' : 'glibc'
}

// The version of glibc that this process runs on, if it does.
function glibcVersion() {
  const { report } = process
  const { excludeNetwork } = report
  // Otherwise it looks up the names of the process's connections, which can take seconds.
  report.excludeNetwork = true
  try {
    return report.getReport().header.glibcVersionRuntime
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

const ELF_64_BIT_LITTLE_ENDIAN = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])
const ELF_HEADER_BYTES = 64
const SEGMENT_HEADER_BYTES = 56
const SEGMENT_LOADER = 3

// The path of the loader in a 64-bit ELF file; undefined where there is none, and in other files.
function loaderOf(executable) {
  let file
  try {
    file = fs.openSync(executable)
    const header = bytesAt(file, 0, ELF_HEADER_BYTES)
    if (!header.subarray(0, ELF_64_BIT_LITTLE_ENDIAN.length).equals(ELF_64_BIT_LITTLE_ENDIAN))
      return undefined
    const count = header.readUInt16LE(56)
    const segments = bytesAt(file, Number(header.readBigUInt64LE(32)), count * SEGMENT_HEADER_BYTES)
    for (let at = 0; at < segments.length; at += SEGMENT_HEADER_BYTES) {
      if (segments.readUInt32LE(at) !== SEGMENT_LOADER) continue
      const [offset, length] = [segments.readBigUInt64LE(at + 8), segments.readBigUInt64LE(at + 32)]
      return bytesAt(file, Number(offset), Number(length)).toString('latin1')
    }
    return undefined
  } catch {
    // It cannot be read, or ends too early: somebody else has to say it.
    return undefined
  } finally {
    if (file !== undefined) fs.closeSync(file)
  }
}

function bytesAt(file, offset, length) {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, fs.readSync(file, bytes, 0, length, offset))
}

module.exports = { glibcVersion, libcOf, platformName }
