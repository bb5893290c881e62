// Why the tool cannot do what it was asked to: a sentence that says what to do, for the person who typed the command.
// What is thrown and is none is a defect, and shown with where it came from.
'use strict'

class Refusal extends Error {}

module.exports = { Refusal }
