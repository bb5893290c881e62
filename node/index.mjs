// The same store for `import`. There is one copy of it, whichever way it is loaded.
import sessile from './index.js'

export const { SessileStore, SessileError, idGenerator } = sessile
