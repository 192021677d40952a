/** One run: starts the programs, has the engines tormented, and has the logs checked. */
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../../scripts/lib/free-port.ts'
import { collect, drained } from './admin.ts'
import type { Verdict } from './check.ts'
import { type Database, startDatabase } from './database.ts'
import type { EngineSettings } from './engine-settings.ts'
import { createEngine, type Engine, printedAs } from './engines.ts'
import { type LineLog, lineLog, readLines } from './line-log.ts'
import { type Network, startNetwork } from './network.ts'
import { ended, programs, type StartProgram } from './programs.ts'
import type { Control } from './protections.ts'
import { type EngineLine, type JournalKind, LOGS, type LoadLine, type RigLine } from './protocol.ts'
import { DEED_NAMES, type Deeds, PAST_ALL_MS, torment } from './torment.ts'

/** How a run goes. */
export interface RunOptions extends Partial<Deeds> {
  /** An empty folder for the journal and the logs. */
  readonly folder: string
  /** @default 'sqlite' */
  readonly journal?: JournalKind
  /** How many engines share it. @default 1 */
  readonly engines?: number
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
  /** After the load messages may take as long as they need, but not so long without one of them ending. @default 60,000 */
  readonly stuckMs?: number
}

/** What is known while it runs. */
export interface Progress {
  readonly deeds: Deeds
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
  const { folder, keep = false } = options
  mkdirSync(folder, { recursive: true })
  const children = new Set<ChildProcess>()
  const log = lineLog<RigLine>(join(folder, LOGS.rig))
  const world: World = { children, log, database: null, network: null }
  try {
    const rig = await prepare(options, world)
    const began = Date.now()
    await tormented(rig, options)
    const drainSeconds = await windDown(rig, options)
    const verdict = await checked(folder)
    const seconds = (Date.now() - began) / 1_000
    return { ...verdict, seconds, drainSeconds, postgres: rig.database && `${rig.database.server.major}` }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await world.network?.close()
    await world.database?.end(keep)
  }
}

/** What is there before the first engine, and has to be cleared away. */
interface World {
  readonly log: LineLog<RigLine>
  /** All that are alive. */
  readonly children: Set<ChildProcess>
  database: Database | null
  network: Network | null
}

interface Rig extends World {
  readonly ports: readonly number[]
  readonly engines: readonly Engine[]
  readonly load: ChildProcess
  readonly progress: { readonly deeds: Record<keyof Deeds, number> } & {
    -readonly [K in Exclude<keyof Progress, 'deeds'>]: Progress[K]
  }
}

const deedsIn = (options: Partial<Deeds>): Record<keyof Deeds, number> =>
  Object.fromEntries(DEED_NAMES.map((deed) => [deed, options[deed] ?? 0])) as Record<keyof Deeds, number>

async function prepare(options: RunOptions, world: World): Promise<Rig> {
  const { folder, seed, lanes = 8, pauseMs = 40, faults = 0.05, journal = 'sqlite' } = options
  const progress: Rig['progress'] = { deeds: deedsIn({}), load: {}, sinks: {} }
  const { log } = world
  const program = programs(folder, world.children)
  const sinks = program('sinks.ts', [folder, seed, faults, goesByItsClock(options) ? 'asked early' : ''])
  const [{ port: sinksPort }] = (await once(sinks, 'message')) as [{ port: number }]
  sinks.on('message', ({ counts }: { counts: Progress['sinks'] }) => {
    progress.sinks = counts
  })
  const ports: number[] = []
  for (let nth = 0; nth < (options.engines ?? 1); nth++) ports.push(await freePort())
  log.add({ t: 'run', journal, engines: ports.length })
  await surround(world, options, sinksPort)
  const start = starting(program, options, waysOut(world, sinksPort))
  const { databaseKills, promotions, networkFaults, fullDisks } = deedsIn(options)
  const mayFail = databaseKills + promotions + networkFaults + fullDisks > 0
  const engines = ports.map((port, nth) =>
    createEngine(nth, { folder, log, mayFail, start: (clockMs) => start(nth, port, clockMs) }),
  )
  const load = program('load.ts', [folder, ports.join(','), seed, lanes, pauseMs])
  load.on('message', ({ counts }: { counts: Progress['load'] }) => {
    progress.load = counts
  })
  return { ...world, ports, engines, load, progress }
}

/** The database and the network, as far as the deeds need them. */
async function surround(world: World, options: RunOptions, sinksPort: number): Promise<void> {
  const { folder, journal = 'sqlite', without, engines = 1 } = options
  const { promotions, networkFaults, fullDisks } = deedsIn(options)
  if (journal === 'postgres')
    world.database = await startDatabase({
      folder,
      replicated: promotions > 0,
      unreplicated: without === 'replication',
      smallDisk: fullDisks > 0,
    })
  if (promotions + networkFaults > 0)
    world.network = await startNetwork({
      engines,
      databasePort: world.database?.server.port ?? null,
      sinksPort,
      log: world.log,
    })
}

type WaysOut = Pick<EngineSettings, 'sinksPort' | 'keyedPort' | 'database'>

/** Where each engine finds the sinks and the database: behind proxies of its own, where there is a network. */
function waysOut({ database, network }: World, sinksPort: number): (nth: number) => WaysOut {
  const url = database?.server.url ?? null
  return (nth) => {
    const own = network?.addresses[nth]
    if (own === undefined) return { sinksPort, keyedPort: sinksPort, database: url }
    return { sinksPort: own.sinks, keyedPort: own.keyed, database: url && at(url, own.database) }
  }
}

function at(url: string, port: number | null): string {
  const moved = new URL(url)
  moved.port = String(port)
  return moved.href
}

/** How long the right to a share of a journal on PostgreSQL lasts. */
export const LEASE_MS = 3_000

function starting(
  program: StartProgram,
  { folder, without = null, leaseMs = LEASE_MS }: RunOptions,
  ways: (nth: number) => WaysOut,
) {
  return (nth: number, port: number, clockMs: number): ChildProcess => {
    const own = { folder, nth, port, clockMs, adminToken: TOKEN, leaseMs, without }
    const settings: EngineSettings = { ...ways(nth), ...own }
    return program('engine.ts', [JSON.stringify(settings)], printedAs(nth))
  }
}

async function tormented(rig: Rig, options: RunOptions): Promise<void> {
  const { engines, database, network, log, progress } = rig
  const { seed, lifeMs = 350, leaseMs = LEASE_MS, seconds = Number.POSITIVE_INFINITY } = options
  await torment(
    {
      engines,
      database,
      network,
      log,
      accepted: () => progress.load['accepted'] ?? 0,
      unavailable: () => progress.load['unavailable'] ?? 0,
      done: (deed) => {
        progress.deeds[deed] += 1
        options.onProgress?.(progress)
      },
    },
    { ...deedsIn(options), seed, seconds, lifeMs, leaseMs },
  )
  if (network) log.add({ t: 'network over', happened: network.happened })
  if (goesByItsClock(options)) await setAllAhead(engines)
}

/** Whether an engine goes by a clock that is set: those that share a journal go by the database's. */
const goesByItsClock = ({ journal = 'sqlite', clockSteps = 0 }: RunOptions): boolean =>
  journal === 'sqlite' && clockSteps > 0

/** What was put off while a clock was ahead would wait for weeks once that was set back. */
async function setAllAhead(engines: readonly Engine[]): Promise<void> {
  for (const engine of engines) {
    await engine.restartAt(PAST_ALL_MS)
    await engine.serving()
  }
}

const KEPT_REPLIES = 100
/** What a stopped engine had on its hands may come to light this late. */
const SETTLE_MS = 1_000

/** Stops the load, waits until nothing is left, and asks the engine what it knows. Answers how long that took, seconds. */
export async function windDown(
  rig: Pick<Rig, 'load' | 'ports' | 'children'>,
  { folder, stuckMs = 60_000 }: Pick<RunOptions, 'folder' | 'stuckMs'>,
): Promise<number> {
  await ended(rig.load)
  const began = Date.now()
  const addresses = rig.ports.map((port) => ({ port, token: TOKEN }))
  const [address] = addresses
  if (!address) throw new Error('There is no engine to ask.')
  if (addresses.length > 1) await pause(SETTLE_MS)
  // Each of them has to see that nothing is left.
  for (const each of addresses) await drained(each, stuckMs)
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
