// The package's front doors by import.

import { SessileStore } from 'sessile'
import { SessileStore as FastifyStore } from 'sessile/fastify'
import { SessileStore as KoaStore } from 'sessile/koa'
import { use } from './use.js'

await use("import 'sessile'", SessileStore, './sessions-1')
await use("import 'sessile/koa'", KoaStore, './sessions-2')
await use("import 'sessile/fastify'", FastifyStore, './sessions-3')
