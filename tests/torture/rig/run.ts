/** One run: starts the programs, kills the engine at random moments, and has the logs checked. */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { collect, drained } from './admin.ts'
import type { Verdict } from './check.ts'
import { type LineLog, lineLog, readLines } from './line-log.ts'
import type { Control } from './protections.ts'
import { type EngineLine, LOGS, type LoadLine, type RigLine } from './protocol.ts'
import { seeded } from './seeded.ts'

/** How a run goes. */
export interface RunOptions {
  /** An empty folder for the journal and the logs. */
  readonly folder: string
  readonly kills: number
  readonly seed: number
  /** No more kills after so long. @default no limit */
  readonly seconds?: number
  /** The mean time that an engine works before it is killed. @default 350 */
  readonly lifeMs?: number
  /** @default 8 */
  readonly lanes?: number
  /** The mean pause between two messages of a lane. @default 40 */
  readonly pauseMs?: number
  /** The share of the sinks' requests that go wrong. @default 0.05 */
  readonly faults?: number
  readonly without?: Control | null
  readonly onProgress?: (progress: Progress) => void
  /** How long the messages may take to end after the last kill. @default 90,000 */
  readonly drainMs?: number
}

/** What is known while it runs. */
export interface Progress {
  readonly kills: number
  readonly load: Readonly<Record<string, number>>
  readonly sinks: Readonly<Record<string, number>>
}

/** What came of a run. */
export interface RunResult extends Verdict {
  readonly seconds: number
  /** How long the messages took to end once the load had stopped. */
  readonly drainSeconds: number
}

const TOKEN = 'for-the-rig-only'
/** The share of kills that fall into the start of the engine. */
const STARTING_SHARE = 0.15
const START_LIMIT_MS = 30_000

/** Runs the rig once. Rejects when a program of the rig itself fails. */
export async function run(options: RunOptions): Promise<RunResult> {
  const rig = await prepare(options)
  try {
    const began = Date.now()
    await torment(rig, options)
    const drainSeconds = await windDown(rig, options)
    const verdict = await checked(options.folder)
    return { ...verdict, seconds: (Date.now() - began) / 1_000, drainSeconds }
  } finally {
    for (const child of rig.children) child.kill('SIGKILL')
  }
}

interface Rig {
  readonly folder: string
  readonly port: number
  readonly sinksPort: number
  readonly log: LineLog<RigLine>
  /** All that are alive. */
  readonly children: Set<ChildProcess>
  readonly load: ChildProcess
  readonly progress: { kills: number; load: Progress['load']; sinks: Progress['sinks'] }
  readonly start: () => Engine
}

interface Engine {
  readonly process: ChildProcess
  readonly ready: Promise<void>
  state: 'starting' | 'running'
}

async function prepare(options: RunOptions): Promise<Rig> {
  const { folder, seed, lanes = 8, pauseMs = 40, faults = 0.05, without = null } = options
  mkdirSync(folder, { recursive: true })
  const children = new Set<ChildProcess>()
  const progress: Rig['progress'] = { kills: 0, load: {}, sinks: {} }
  const log = lineLog<RigLine>(join(folder, LOGS.rig))
  const program = programs(folder, children)
  const sinks = program('sinks.ts', [folder, seed, faults])
  const [{ port: sinksPort }] = (await once(sinks, 'message')) as [{ port: number }]
  sinks.on('message', ({ counts }: { counts: Progress['sinks'] }) => {
    progress.sinks = counts
  })
  const port = await freePort()
  const start = (): Engine =>
    startEngine(program('engine.ts', [folder, port, sinksPort, TOKEN, without ?? '']), log)
  const load = program('load.ts', [folder, port, seed, lanes, pauseMs])
  load.on('message', ({ counts }: { counts: Progress['load'] }) => {
    progress.load = counts
  })
  return { folder, port, sinksPort, log, children, load, progress, start }
}

/** Starts programs of the rig; what they print goes to a file in the folder. */
function programs(folder: string, children: Set<ChildProcess>) {
  return (name: string, args: readonly (string | number)[]): ChildProcess => {
    const output = openSync(printFile(folder, name), 'a')
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), args.map(String), {
      execPath,
      execArgv: ['--conditions=source'],
      stdio: ['ignore', output, output, 'ipc'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
}

function startEngine(child: ChildProcess, log: LineLog<RigLine>): Engine {
  const began = Date.now()
  log.add({ t: 'start', at: began })
  let tell: () => void
  const engine: Engine = {
    process: child,
    state: 'starting',
    ready: new Promise((resolve) => {
      tell = resolve
    }),
  }
  child.once('message', () => {
    engine.state = 'running'
    log.add({ t: 'ready', at: Date.now(), ms: Date.now() - began })
    tell()
  })
  return engine
}

/** Kills and restarts, then leaves an engine that runs. */
async function torment(rig: Rig, options: RunOptions): Promise<void> {
  const { kills, seed, seconds = Number.POSITIVE_INFINITY, lifeMs = 350 } = options
  const random = seeded(seed)
  const deadline = Date.now() + seconds * 1_000
  let engine = rig.start()
  await serving(rig, engine)
  while (rig.progress.kills < kills && Date.now() < deadline) {
    if (random() >= STARTING_SHARE) await serving(rig, engine)
    await pause(random() * (engine.state === 'starting' ? 250 : 2 * lifeMs))
    await kill(rig, engine)
    options.onProgress?.(rig.progress)
    engine = rig.start()
  }
  await serving(rig, engine)
}

async function kill({ log, progress }: Rig, engine: Engine): Promise<void> {
  const { process: child, state } = engine
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  log.add({ t: 'kill', at: Date.now(), when: state })
  progress.kills += 1
  await exited
}

async function serving({ folder }: Rig, { ready, process: child }: Engine): Promise<void> {
  const late = AbortSignal.timeout(START_LIMIT_MS)
  const failed = new Promise<never>((_, reject) => {
    child.once('exit', (code) =>
      reject(new Error(`The engine ended by itself with ${code}.${printedBy(folder, 'engine.ts')}`)),
    )
    late.addEventListener('abort', () =>
      reject(new Error(`The engine did not start within ${START_LIMIT_MS} ms.`)),
    )
  })
  failed.catch(() => undefined)
  await Promise.race([ready, failed])
}

const KEPT_REPLIES = 100

async function windDown(rig: Rig, { folder, drainMs = 90_000 }: RunOptions): Promise<number> {
  await stopped(rig.load)
  const began = Date.now()
  const address = { port: rig.port, token: TOKEN }
  await drained(address, drainMs)
  const drainSeconds = (Date.now() - began) / 1_000
  await collect(address, lineLog<EngineLine>(join(folder, LOGS.engine)), repliedIds(folder))
  for (const child of rig.children) await stopped(child)
  return drainSeconds
}

function repliedIds(folder: string): readonly string[] {
  const lines = readLines<LoadLine>(join(folder, LOGS.load))
  return lines
    .flatMap((line) => (line.t === 'accepted' && line.reply !== undefined ? [line.id] : []))
    .slice(-KEPT_REPLIES)
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

function checked(folder: string): Promise<Verdict> {
  const program = fileURLToPath(new URL('checker.ts', import.meta.url))
  const args = ['--max-old-space-size=4096', program, folder]
  return new Promise((resolve, reject) => {
    execFile(execPath, args, { maxBuffer: 64 * 1_024 * 1_024 }, (error, stdout, stderr) => {
      if (stdout.endsWith('\n')) resolve(JSON.parse(stdout) as Verdict)
      else reject(new Error(`The checker failed: ${stderr || String(error)}`))
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function printFile(folder: string, program: string): string {
  return join(folder, `${program}.log`)
}

/** The end of what a program of the rig printed, for an error message. */
function printedBy(folder: string, program: string): string {
  return `\n${readFileSync(printFile(folder, program), 'utf8').slice(-2_000)}`
}
