import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { createEngine, isLinkspanError, nodeHandler } from 'linkspan'
import { taskApi } from './api/app.ts'
import type { Command, CommandResult } from './api/commands.ts'
import { openStore } from './api/store.ts'
import { commands } from './flows/commands.ts'
import { endWithParent } from './lib/parent.ts'
import project from './linkspan.config.ts'
import { settings } from './settings.ts'

const REPLY_WITHIN = '10s'
const STOP_WITHIN = '8s'
const TASK_API = /^\/(?:tasks|projects)(?:[/?]|$)/

// The engine is mounted beside the task API on the hub's port; its own server, on a port of its own, is where the
// command line finds it. The journal of a `--once` run is its own business, so it is announced in the run's folder.
const engine = createEngine(
  { ...project, http: { port: 0 } },
  { directory: settings.mode === 'live' ? import.meta.dirname : settings.data },
)

/** Commands go through a flow: they are kept before they are applied, and what they change is told. */
async function submit(command: Command): Promise<CommandResult | null> {
  try {
    return await engine.request(commands, command, { timeout: REPLY_WITHIN })
  } catch (error) {
    if (isLinkspanError(error, 'REPLY_TIMED_OUT')) return null
    throw error
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

async function main(): Promise<void> {
  await engine.start()
  const store = openStore(join(settings.data, 'tasks.db'))
  const api = taskApi({ store, submit, newId: () => crypto.randomUUID(), now: () => Date.now() })
  const answerTasks = nodeHandler({ fetch: async (request) => api.fetch(request) })
  const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, outgoing) => {
    const answer = TASK_API.test(incoming.url ?? '') ? answerTasks : engine.listener
    answer(incoming, outgoing)
  })
  await listen(server, Number(process.env['HUB_PORT'] ?? '7070'))
  process.once('SIGTERM', async () => {
    server.close()
    server.closeIdleConnections()
    await engine.stop({ within: STOP_WITHIN })
    store.close()
    process.exit(0)
  })
}

endWithParent()
// Ctrl-C reaches the whole group; the runner ends this process in its own order.
process.on('SIGINT', () => undefined)
await main()
