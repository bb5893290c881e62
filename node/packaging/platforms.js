// The platforms that a package may have an addon for, by the names that `lib/platform.js` gives them.
//
// `machine` is what the file's header calls the processor; `rust` is Rust's name for the platform.
'use strict'

const ELF_X64 = 0x3e
const ELF_ARM64 = 0xb7
const MACH_O_X64 = 0x01000007
const MACH_O_ARM64 = 0x0100000c
const PE_X64 = 0x8664

module.exports = {
  'linux-x64-glibc': { format: 'ELF', machine: ELF_X64, libc: 'glibc', rust: 'x86_64-unknown-linux-gnu' },
  'linux-x64-musl': { format: 'ELF', machine: ELF_X64, libc: 'musl', rust: 'x86_64-unknown-linux-musl' },
  'linux-arm64-glibc': {
    format: 'ELF',
    machine: ELF_ARM64,
    libc: 'glibc',
    rust: 'aarch64-unknown-linux-gnu',
  },
  'linux-arm64-musl': { format: 'ELF', machine: ELF_ARM64, libc: 'musl', rust: 'aarch64-unknown-linux-musl' },
  'darwin-x64': { format: 'Mach-O', machine: MACH_O_X64, rust: 'x86_64-apple-darwin' },
  'darwin-arm64': { format: 'Mach-O', machine: MACH_O_ARM64, rust: 'aarch64-apple-darwin' },
  'win32-x64': { format: 'PE', machine: PE_X64, rust: 'x86_64-pc-windows-msvc' },
}
