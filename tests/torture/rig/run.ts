/** One run: starts the programs, has the engines tormented, and has the logs checked. */
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type PostgresServer, startPostgres } from '../../postgres-server/index.ts'
import { collect, drained } from './admin.ts'
import type { Verdict } from './check.ts'
import type { EngineSettings } from './engine-settings.ts'
import { createEngine, type Engine, printedAs } from './engines.ts'
import { type LineLog, lineLog, readLines } from './line-log.ts'
import { ended, freePort, programs, type StartProgram } from './programs.ts'
import type { Control } from './protections.ts'
import { type EngineLine, type JournalKind, LOGS, type LoadLine, type RigLine } from './protocol.ts'
import { type Deed, torment } from './torment.ts'

/** How a run goes. */
export interface RunOptions {
  /** An empty folder for the journal and the logs. */
  readonly folder: string
  /** @default 'sqlite' */
  readonly journal?: JournalKind
  /** How many engines share it. @default 1 */
  readonly engines?: number
  readonly kills: number
  /** How often an engine is stopped for longer than its lease, and continued. @default 0 */
  readonly zombies?: number
  /** How often the whole database is killed. @default 0 */
  readonly databaseKills?: number
  /** @default 3,000 */
  readonly leaseMs?: number
  readonly seed: number
  /** Nothing more is done to the engines after so long. @default no limit */
  readonly seconds?: number
  /** The mean time between one deed and the next. @default 350 */
  readonly lifeMs?: number
  /** @default 8 */
  readonly lanes?: number
  /** The mean pause between two messages of a lane. @default 40 */
  readonly pauseMs?: number
  /** The share of the sinks' requests that go wrong. @default 0.05 */
  readonly faults?: number
  readonly without?: Control | null
  /** Whether the folder is looked at afterwards: the database's data stays in it. @default false */
  readonly keep?: boolean
  readonly onProgress?: (progress: Progress) => void
  /** How long the messages may take to end after the last deed. @default 90,000 */
  readonly drainMs?: number
}

/** What is known while it runs. */
export interface Progress {
  readonly kills: number
  readonly zombies: number
  readonly databaseKills: number
  readonly load: Readonly<Record<string, number>>
  readonly sinks: Readonly<Record<string, number>>
}

/** What came of a run. */
export interface RunResult extends Verdict {
  readonly seconds: number
  /** How long the messages took to end once the load had stopped. */
  readonly drainSeconds: number
  /** The version of the database's server, or null. */
  readonly postgres: string | null
}

/** What opens the engines' admin API to the rig. */
export const TOKEN = 'for-the-rig-only'

/** Runs the rig once. Rejects when a program of the rig itself fails. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { folder, journal = 'sqlite', keep = false } = options
  mkdirSync(folder, { recursive: true })
  const children = new Set<ChildProcess>()
  const database = journal === 'postgres' ? await databaseIn(folder) : null
  try {
    const rig = await prepare(options, children, database)
    const began = Date.now()
    await tormented(rig, options)
    const drainSeconds = await windDown(rig, options)
    const verdict = await checked(folder)
    const seconds = (Date.now() - began) / 1_000
    return { ...verdict, seconds, drainSeconds, postgres: database && `${database.major}` }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await (keep ? database?.kill9() : database?.stop())
  }
}

/** The server runs as another user where this one is root, and has to reach its data. */
function databaseIn(folder: string): Promise<PostgresServer> {
  chmodSync(folder, 0o711)
  return startPostgres({ folder })
}

interface Rig {
  readonly ports: readonly number[]
  readonly log: LineLog<RigLine>
  /** All that are alive. */
  readonly children: Set<ChildProcess>
  readonly database: PostgresServer | null
  readonly engines: readonly Engine[]
  readonly load: ChildProcess
  readonly progress: { -readonly [K in keyof Progress]: Progress[K] }
}

async function prepare(
  options: RunOptions,
  children: Set<ChildProcess>,
  database: PostgresServer | null,
): Promise<Rig> {
  const { folder, seed, lanes = 8, pauseMs = 40, faults = 0.05, journal = 'sqlite' } = options
  const progress: Rig['progress'] = { kills: 0, zombies: 0, databaseKills: 0, load: {}, sinks: {} }
  const log = lineLog<RigLine>(join(folder, LOGS.rig))
  const program = programs(folder, children)
  const sinks = program('sinks.ts', [folder, seed, faults])
  const [{ port: sinksPort }] = (await once(sinks, 'message')) as [{ port: number }]
  sinks.on('message', ({ counts }: { counts: Progress['sinks'] }) => {
    progress.sinks = counts
  })
  const ports: number[] = []
  for (let nth = 0; nth < (options.engines ?? 1); nth++) ports.push(await freePort())
  log.add({ t: 'run', journal, engines: ports.length })
  const start = starting(program, options, { sinksPort, database: database?.url ?? null })
  const mayFail = (options.databaseKills ?? 0) > 0
  const engines = ports.map((port, nth) =>
    createEngine(nth, { folder, log, mayFail, start: () => start(nth, port) }),
  )
  const load = program('load.ts', [folder, ports.join(','), seed, lanes, pauseMs])
  load.on('message', ({ counts }: { counts: Progress['load'] }) => {
    progress.load = counts
  })
  return { ports, log, children, database, engines, load, progress }
}

/** How long the right to a share of a journal on PostgreSQL lasts. */
export const LEASE_MS = 3_000

function starting(
  program: StartProgram,
  { folder, without = null, leaseMs = LEASE_MS }: RunOptions,
  known: Pick<EngineSettings, 'sinksPort' | 'database'>,
) {
  return (nth: number, port: number): ChildProcess => {
    const settings: EngineSettings = { ...known, folder, nth, port, adminToken: TOKEN, leaseMs, without }
    return program('engine.ts', [JSON.stringify(settings)], printedAs(nth))
  }
}

const COUNTED: Readonly<Record<Deed, 'kills' | 'zombies' | 'databaseKills'>> = {
  kill: 'kills',
  zombie: 'zombies',
  database: 'databaseKills',
}

function tormented({ engines, database, log, progress }: Rig, options: RunOptions): Promise<void> {
  const { kills, zombies = 0, databaseKills = 0, seed, lifeMs = 350, leaseMs = LEASE_MS } = options
  const { seconds = Number.POSITIVE_INFINITY } = options
  return torment(
    {
      engines,
      database,
      log,
      accepted: () => progress.load['accepted'] ?? 0,
      done: (deed) => {
        progress[COUNTED[deed]] += 1
        options.onProgress?.(progress)
      },
    },
    { kills, zombies, databaseKills, seed, seconds, lifeMs, leaseMs },
  )
}

const KEPT_REPLIES = 100
/** What a stopped engine had on its hands may come to light this late. */
const SETTLE_MS = 1_000

/** Stops the load, waits until nothing is left, and asks the engine what it knows. Answers how long that took, seconds. */
export async function windDown(
  rig: Pick<Rig, 'load' | 'ports' | 'children'>,
  { folder, drainMs = 90_000 }: Pick<RunOptions, 'folder' | 'drainMs'>,
): Promise<number> {
  await ended(rig.load)
  const began = Date.now()
  const addresses = rig.ports.map((port) => ({ port, token: TOKEN }))
  const [address] = addresses
  if (!address) throw new Error('There is no engine to ask.')
  if (addresses.length > 1) await pause(SETTLE_MS)
  // Each of them has to see that nothing is left.
  for (const each of addresses) await drained(each, began + drainMs - Date.now())
  const drainSeconds = (Date.now() - began) / 1_000
  await collect(address, lineLog<EngineLine>(join(folder, LOGS.engine)), repliedIds(folder))
  await Promise.all([...rig.children].map((child) => ended(child)))
  return drainSeconds
}

function repliedIds(folder: string): readonly string[] {
  const lines = readLines<LoadLine>(join(folder, LOGS.load))
  return lines
    .flatMap((line) => (line.t === 'accepted' && line.reply !== undefined ? [line.id] : []))
    .slice(-KEPT_REPLIES)
}

/** What the checker says of the logs in a folder. */
export function checked(folder: string): Promise<Verdict> {
  const program = fileURLToPath(new URL('checker.ts', import.meta.url))
  const args = ['--max-old-space-size=4096', program, folder]
  return new Promise((resolve, reject) => {
    execFile(execPath, args, { maxBuffer: 64 * 1_024 * 1_024 }, (error, stdout, stderr) => {
      if (stdout.endsWith('\n')) resolve(JSON.parse(stdout) as Verdict)
      else reject(new Error(`The checker failed: ${stderr || String(error)}`))
    })
  })
}
