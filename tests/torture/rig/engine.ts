/**
 * The engine under torture. Usage: `node engine.ts <folder> <port> <sinks' port> <admin token> [protection to do without]`;
 * tells its parent when it serves.
 */
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { createEngine, defineProject } from 'linkspan'
import { flowsOf } from './flows.ts'
import { isControl, partsWithout } from './protections.ts'

const [, , folder = '.', port = '', sinksPort = '', adminToken = '', without = ''] = argv

const parts = partsWithout(isControl(without) ? without : null, join(folder, 'hub.db'))
const engine = createEngine(
  defineProject({
    journal: parts.journal,
    flows: flowsOf(parts),
    connections: { sinks: { baseUrl: `http://127.0.0.1:${sinksPort}` } },
    http: { port: Number(port), adminToken },
  }),
  { directory: folder },
)

process.on('disconnect', () => exit(1))
process.on('SIGTERM', () => {
  engine.stop().then(
    () => exit(0),
    () => exit(1),
  )
})
await engine.start()
process.send?.({ ready: true })
