// The order in which candidates have their turns.
'use strict'

// The same in an order by chance: what one leaves behind, a disk that is still busy, say, falls on no other every time.
function shuffled(list) {
  const order = [...list]
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[other]] = [order[other], order[last]]
  }
  return order
}

module.exports = { shuffled }
