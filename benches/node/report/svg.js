// The little of SVG that the charts are made of. They have a background of their own, so that they can be read on a
// dark page, and differ in lightness as well as in hue, so that they can on a printed one.
'use strict'

const COLOURS = { text: '#1a1a1a', faint: '#5f6670', line: '#c3c8cf', background: '#ffffff' }
const FONT = 'system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif'

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (text) => `${text}`.replaceAll(/[&<>"]/g, (character) => ENTITIES[character])

// An element; an attribute's number is rounded to what a screen can show.
function element(name, attributes, content = '') {
  const texts = Object.entries(attributes).map(([key, value]) => {
    const short = typeof value === 'number' ? Math.round(value * 10) / 10 : value
    return ` ${key}="${escaped(short)}"`
  })
  return content === '' ? `<${name}${texts.join('')}/>` : `<${name}${texts.join('')}>${content}</${name}>`
}

function text(x, y, content, attributes = {}) {
  return element('text', { x, y, fill: COLOURS.text, 'font-size': 13, ...attributes }, escaped(content))
}

// What a picture shows, under which circumstances, and how to read it.
function heading(title, details, reading) {
  return [
    text(16, 24, title, { 'font-size': 16, 'font-weight': 600 }),
    text(16, 44, details),
    text(16, 63, reading, { fill: COLOURS.faint }),
  ]
}

// A whole picture. `description` is what is told to those who cannot see it.
function picture({ width, height, title, description }, parts) {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`,
    width,
    height,
    role: 'img',
    'font-family': FONT,
  }
  const background = element('rect', { width: '100%', height: '100%', fill: COLOURS.background })
  const told = [element('title', {}, escaped(title)), element('desc', {}, escaped(description))]
  return `${element('svg', attributes, `\n${[...told, background, ...parts].join('\n')}\n`)}\n`
}

module.exports = { COLOURS, element, heading, picture, text }
