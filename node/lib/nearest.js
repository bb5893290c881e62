// What somebody may have meant who wrote a word that is not one of those there are.
'use strict'

// The furthest that a word may be from what was meant, in letters.
const DISTANCE_MAX = 3

// The one of `words` that is most like `word`; undefined where none is like it.
function nearest(word, words) {
  let found
  let least = DISTANCE_MAX + 1
  for (const known of words) {
    const distance = editDistance(word.toLowerCase(), known.toLowerCase())
    if (distance < Math.min(least, known.length)) {
      found = known
      least = distance
    }
  }
  return found
}

// How many letters have to be put in, left out or replaced to get from one word to the other.
function editDistance(from, to) {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[to.length]
}

module.exports = { nearest }
