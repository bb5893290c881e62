// The same names for `import`.
import { SessileStore } from './index.js'

export * from './index.js'
export default SessileStore
