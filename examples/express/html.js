'use strict'

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

class Html {
  constructor(text) {
    this.text = text
  }

  toString() {
    return this.text
  }
}

/**
 * A template whose values are text, and escaped as such. Only what `html` made itself goes in as it is,
 * so forgetting something shows on the page instead of opening it. Lists are joined; null, undefined and
 * false are nothing.
 */
exports.html = function html(strings, ...values) {
  return new Html(strings.reduce((text, string, i) => text + fragment(values[i - 1]) + string))
}

function fragment(value) {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(fragment).join('')
  if (value === null || value === undefined || value === false) return ''
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character])
}
