/**
 * The engine under torture. Usage: `node engine.ts <settings as JSON>`; tells its parent when it serves.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { createEngine, defineProject, postgres, sqlite } from 'linkspan'
import type { EngineSettings } from './engine-settings.ts'
import { flowsOf } from './flows.ts'
import { partsWithout } from './protections.ts'
import { steppedClock } from './stepped-clock.ts'

const settings = JSON.parse(argv[2] ?? '') as EngineSettings
const { folder, nth, port, sinksPort, keyedPort, adminToken, database, leaseMs, without } = settings

/** A connection that is only half there is given up after so long. */
const ANSWER_TIMEOUT = '5s'

const directory = join(folder, `engine-${nth}`)
mkdirSync(directory, { recursive: true })
const journal =
  database === null
    ? sqlite(join(folder, 'hub.db'))
    : postgres({ url: database, schema: 'torture', lease: leaseMs, answerTimeout: ANSWER_TIMEOUT })
/** An engine on a file of its own goes by the machine's clock, which may be set by weeks: what it keeps outlasts that. */
const alone = database === null
const kept = alone ? ({ retention: '1000d', attentionRetention: '1000d' } as const) : {}
const knownFor = alone ? '90d' : '1d'
const parts = partsWithout(without, journal)
const clock = steppedClock(settings.clockMs)
const sinksAt = (at: number): string => `http://127.0.0.1:${at}/${nth}`
const engine = createEngine(
  defineProject({
    journal: parts.journal,
    flows: flowsOf({ ...parts, knownFor }),
    ...kept,
    connections: { sinks: { baseUrl: sinksAt(sinksPort) }, keyed: { baseUrl: sinksAt(keyedPort) } },
    http: { port, adminToken },
  }),
  { directory, outside: { clock } },
)

process.on('message', ({ clockMs }: { readonly clockMs: number }) => clock.set(clockMs))

process.on('disconnect', () => exit(1))
process.on('SIGTERM', () => {
  engine.stop().then(
    () => exit(0),
    () => exit(1),
  )
})
await engine.start()
process.send?.({ ready: true })
