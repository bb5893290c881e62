// The same names for an ES module.

import { SessileError, SessileStore } from '../../index.mjs'

const store: SessileStore = new SessileStore({ path: './sessions' })
const isOurs = (error: unknown): error is SessileError => error instanceof SessileError

export { isOurs, store }
