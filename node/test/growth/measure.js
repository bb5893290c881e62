// Runs a load for long enough to be warm, then on with samples between its parts, and says what has grown.
'use strict'

const { GAUGES, sample } = require('./gauges.js')
const { judge } = require('./trend.js')

// The first so many parts are not looked at: code is compiled, caches fill, pools take their size.
const PARTS_WARM = 3
const PARTS = 12
// One sample in so many has everything, the first and the last among them.
const FULL_EVERY = 3

// Does `count` operations of `load` in parts of the same size. `afterEach(operations)` is called after each part.
async function measure(load, { count, isLong, afterEach = () => {} }) {
  const part = Math.ceil(count / PARTS)
  const points = []
  const begun = Date.now()
  let first
  for (let parts = 1; parts <= PARTS_WARM + PARTS; parts++) {
    await load.run(part)
    afterEach(part)
    if (parts < PARTS_WARM) continue
    const figures = await sample(first, (parts - PARTS_WARM) % FULL_EVERY === 0)
    first ??= figures
    points.push({ x: parts * part, figures })
  }
  const verdicts = GAUGES.map((gauge) => ({
    ...gauge,
    isJudged: isLong || !gauge.isForLongRuns,
    ...judge(
      gauge,
      points.map(({ x, figures }) => ({ x, y: figures[gauge.name] })).filter(({ y }) => y !== undefined)
    ),
  }))
  return { warm: PARTS_WARM * part, measured: PARTS * part, seconds: (Date.now() - begun) / 1000, verdicts }
}

// Whether a gauge is growing that is judged.
function hasGrown({ isJudged, isGrowing }) {
  return isJudged && isGrowing
}

module.exports = { hasGrown, measure }
