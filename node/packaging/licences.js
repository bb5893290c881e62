// The licences of the Rust crates that are linked into the addons, which have to go with them.
//
// Cargo says which crates those are. Of a crate that leaves the choice, the text of the MIT licence is taken.
'use strict'

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const platforms = require('./platforms.js')

const INTRODUCTION = `sessile's addons, the files sessile.node in this package, contain the following works.

Rust's standard library, Copyright (c) The Rust Project Contributors, under the MIT licence or the Apache License 2.0, at
your option: the texts are those of LICENSE-MIT and LICENSE-APACHE.
`

// The text of the file for the addons of these platforms.
function licencesOf(names) {
  const crates = new Map()
  for (const name of names) {
    for (const crate of linkedCrates(platforms[name].rust)) crates.set(crate.id, crate)
  }
  const namesByText = new Map()
  for (const crate of [...crates.values()].sort((one, other) => one.name.localeCompare(other.name, 'en'))) {
    const text = licenceOf(crate)
    namesByText.set(text, [...(namesByText.get(text) ?? []), `${crate.name} ${crate.version}`])
  }
  const sections = Array.from(
    namesByText,
    ([text, crateNames]) => `${crateNames.join(', ')}\n\n${text.trim()}\n`
  )
  return [INTRODUCTION, ...sections].join(`\n${'-'.repeat(80)}\n\n`)
}

// The crates from registries that end up in the addon: not those that only compile it.
function linkedCrates(target) {
  const { packages, resolve } = metadataFor(target)
  const crates = new Map(packages.map((crate) => [crate.id, crate]))
  const dependencies = new Map(resolve.nodes.map((node) => [node.id, node.deps]))
  const linked = new Set()
  const visit = (id) => {
    if (linked.has(id) || isMacro(crates.get(id))) return
    linked.add(id)
    for (const { pkg, dep_kinds: kinds } of dependencies.get(id)) {
      if (kinds.some(({ kind }) => kind === null)) visit(pkg)
    }
  }
  visit(packages.find(({ name }) => name === 'sessile-node').id)
  return Array.from(linked, (id) => crates.get(id)).filter(({ source }) => source !== null)
}

function metadataFor(target) {
  const [cargo, ...words] = (process.env.CARGO ?? 'cargo').split(' ')
  const output = execFileSync(
    cargo,
    [...words, 'metadata', '--format-version', '1', '--locked', '--filter-platform', target],
    { cwd: __dirname, maxBuffer: 1 << 28 }
  )
  return JSON.parse(output)
}

function isMacro({ targets }) {
  return targets.some(({ kind }) => kind.includes('proc-macro'))
}

function licenceOf({ manifest_path: manifest, license, authors, repository }) {
  const folder = path.dirname(manifest)
  const files = fs.readdirSync(folder).filter((file) => /^(un)?licen[cs]e|^copying|^notice/i.test(file))
  const mit = / AND /.test(license) ? [] : files.filter((file) => /mit/i.test(file))
  const chosen = mit.length > 0 ? mit : files
  if (chosen.length > 0) {
    return chosen.map((file) => fs.readFileSync(path.join(folder, file), 'utf8').trim()).join('\n\n')
  }
  const by = authors.length > 0 ? `By ${authors.join(', ')}. ` : ''
  return `${by}Its licence is ${license}; it comes without a text of its own. ${repository ?? ''}`
}

module.exports = { licencesOf }
