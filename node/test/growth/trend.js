// Whether a figure grows, from samples of it: by how much from the first to the last, the noise left out.
'use strict'

// The median of the slopes between all pairs of points (Theil and Sen). A collector that came late to one sample, or a
// page that was given back at another, does not move it; a line of least squares would follow either.
function slopeOf(points) {
  const slopes = []
  for (let i = 0; i < points.length; i++) {
    for (let k = i + 1; k < points.length; k++) {
      slopes.push((points[k].y - points[i].y) / (points[k].x - points[i].x))
    }
  }
  slopes.sort((a, b) => a - b)
  const middle = slopes.length >> 1
  return slopes.length % 2 === 1 ? slopes[middle] : (slopes[middle - 1] + slopes[middle]) / 2
}

// How much a gauge has grown by its trend, and how much it may: what it may vary by for no reason, or so much for each
// operation, whichever is more.
function judge({ noise, perOperation }, points) {
  const operations = points.at(-1).x - points[0].x
  const growth = slopeOf(points) * operations
  const allowed = Math.max(noise, perOperation * operations)
  return { before: points[0].y, after: points.at(-1).y, growth, allowed, isGrowing: growth > allowed }
}

module.exports = { judge, slopeOf }
