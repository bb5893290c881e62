// Medians, spreads and ratios.
'use strict'

// The middle of some figures, their least and their most.
function summary(figures) {
  const sorted = [...figures].sort((one, other) => one - other)
  const half = sorted.length >> 1
  const middle = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
  return { middle, least: sorted[0], most: sorted[sorted.length - 1], count: sorted.length }
}

// How some figures compare with others, round by round: what slows the machine in a round slows both.
function ratios(figures, others) {
  const rounds = Math.min(figures.length, others.length)
  const each = Array.from({ length: rounds }, (_, round) => figures[round] / others[round])
  return summary(each.filter(Number.isFinite))
}

// The figure that `share` of the sorted figures do not exceed.
function percentile(sorted, share) {
  return sorted[Math.max(1, Math.ceil(sorted.length * share)) - 1]
}

module.exports = { percentile, ratios, summary }
