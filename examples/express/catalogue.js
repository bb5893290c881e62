'use strict'

/** What the shop sells: animals that settle in one place and stay there, by the id that a cart holds. */
exports.catalogue = new Map([
  ['barnacle', { name: 'Acorn barnacle', about: 'Glues itself down for life', price: 4 }],
  ['mussel', { name: 'Blue mussel', about: 'Holds on by a hundred threads', price: 3 }],
  ['oyster', { name: 'Flat oyster', about: 'Cements one shell to the rock', price: 7 }],
  ['coral', { name: 'Brain coral', about: 'Grows where it is for 900 years', price: 25 }],
])
