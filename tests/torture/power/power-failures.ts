/**
 * Losses of power under load: the process dies between any two things it does to its files, and of what it had not
 * synced only a seeded part is left. The systems around it keep their power, and the checker judges as after kills.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../scripts/lib/free-port.ts'
import type { Verdict } from '../rig/check.ts'
import type { EngineSettings } from '../rig/engine-settings.ts'
import { type LineLog, lineLog } from '../rig/line-log.ts'
import { ended, hasEnded, printedBy, programs, type StartProgram } from '../rig/programs.ts'
import { LOGS, type RigLine } from '../rig/protocol.ts'
import { checked, LEASE_MS, TOKEN, windDown } from '../rig/run.ts'
import { seeded } from '../rig/seeded.ts'
import { type DiskImage, diskImage, drawSurvival, NOTHING, readFolder, writeFolder } from './disk-image.ts'
import { readDiskLog } from './disk-log.ts'
import { environmentOf } from './shim.ts'

/** How power is lost. */
export interface PowerOptions {
  /** An empty folder for the journal and the logs. */
  readonly folder: string
  /** The library that records what is done to files. */
  readonly library: string
  readonly failures: number
  readonly seed: number
  /** Protection off: waiting for the disk does nothing, and `all` or `parts` of what was written is lost. */
  readonly syncIgnored?: 'all' | 'parts' | null
  readonly lanes?: number
  readonly seconds?: number
  /** How long none of the messages may end after the last failure. @default 60,000 */
  readonly stuckMs?: number
  readonly onProgress?: (failures: number, accepted: number) => void
}

/** What a run found. */
export interface PowerResult {
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
  /** Null where the engine did not start again, so that nothing could be asked. */
  readonly figures: Verdict['figures'] | null
  readonly failures: number
  readonly whileStarting: number
  /** Failures that left something unsynced to lose. */
  readonly withUnsynced: number
  /** What was done to the files in all lives, and how often a wait for the disk came to its end. */
  readonly records: number
  readonly syncs: number
  readonly seconds: number
  readonly drainSeconds: number
}

const ENGINE = 'engine-0'
const PAUSE_MS = 40
const FAULTS = 0.05
/** A life is cut within its start, or somewhere on its way. */
const STARTING_SHARE = 0.25
const STARTING_RECORDS = 60
const MOST_RECORDS = 2_500
/** Who serves for so long and has not come so far loses its power all the same. */
const LIFE_MS = 3_000
const START_LIMIT_MS = 60_000

interface Tally {
  failures: number
  whileStarting: number
  withUnsynced: number
  records: number
  syncs: number
}

interface Site {
  readonly disk: string
  readonly diskLog: string
  readonly log: LineLog<RigLine>
  readonly start: (environment: NodeJS.ProcessEnv) => ChildProcess
  readonly random: () => number
  readonly tally: Tally
}

/** Runs the rig once. Rejects when a program of the rig itself fails. */
export async function powerFailures(options: PowerOptions): Promise<PowerResult> {
  const { folder, seed, lanes = 8, stuckMs = 60_000 } = options
  const children = new Set<ChildProcess>()
  const program = programs(folder, children)
  const began = Date.now()
  try {
    const sinks = program('sinks.ts', [folder, seed, FAULTS])
    const [{ port: sinksPort }] = (await once(sinks, 'message')) as [{ port: number }]
    const port = await freePort()
    const site = siteOf(options, starting(program, folder, port, sinksPort))
    site.log.add({ t: 'run', journal: 'sqlite', engines: 1 })
    const load = program('load.ts', [folder, port, seed, lanes, PAUSE_MS])
    const refusal = await cutPower(site, options, load)
    const seconds = (): number => (Date.now() - began) / 1_000
    if (refusal !== null)
      return { ...site.tally, violations: [refusal], figures: null, seconds: seconds(), drainSeconds: 0 }
    const drainSeconds = await windDown({ load, ports: [port], children }, { folder, stuckMs })
    return { ...site.tally, ...(await checked(folder)), seconds: seconds(), drainSeconds }
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

function siteOf({ folder, seed }: PowerOptions, start: Site['start']): Site {
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  return {
    disk,
    diskLog: join(folder, 'disk.log'),
    log: lineLog<RigLine>(join(folder, LOGS.rig)),
    start,
    random: seeded(seed),
    tally: { failures: 0, whileStarting: 0, withUnsynced: 0, records: 0, syncs: 0 },
  }
}

function starting(program: StartProgram, folder: string, port: number, sinksPort: number): Site['start'] {
  const settings: EngineSettings = {
    folder: join(folder, 'disk'),
    nth: 0,
    port,
    sinksPort,
    keyedPort: sinksPort,
    adminToken: TOKEN,
    database: null,
    leaseMs: LEASE_MS,
    clockMs: 0,
    without: null,
  }
  return (environment) => program('engine.ts', [JSON.stringify(settings)], ENGINE, environment)
}

type Refusal = { readonly kind: 'refused'; readonly says: string }

/** Leaves an engine that runs, or answers why one did not start. */
async function cutPower(site: Site, options: PowerOptions, load: ChildProcess): Promise<Refusal | null> {
  const { failures, library, syncIgnored = null, seconds = Number.POSITIVE_INFINITY } = options
  const deadline = Date.now() + seconds * 1_000
  let accepted = 0
  load.on('message', ({ counts }: { counts: Readonly<Record<string, number>> }) => {
    accepted = counts['accepted'] ?? 0
  })
  for (let nth = 0; nth < failures && Date.now() < deadline; nth++) {
    const before = diskImage(readFolder(site.disk))
    rmSync(site.diskLog, { force: true })
    const environment = environmentOf(library, {
      log: site.diskLog,
      folder: site.disk,
      cutAfter: drawCut(site.random),
      syncIgnored: syncIgnored !== null,
    })
    const refusal = await live(site, environment)
    if (refusal !== null) return refusal
    losePower(site, before, syncIgnored)
    options.onProgress?.(site.tally.failures, accepted)
  }
  return await lastLife(site)
}

function drawCut(random: () => number): number {
  if (random() < STARTING_SHARE) return 1 + Math.floor(random() * STARTING_RECORDS)
  return STARTING_RECORDS + Math.floor(random() * MOST_RECORDS)
}

interface Life {
  readonly process: ChildProcess
  isReady: boolean
}

function begin({ log, start }: Site, environment: NodeJS.ProcessEnv): Life {
  const began = Date.now()
  log.add({ t: 'start', engine: 0, at: began })
  const life: Life = { process: start(environment), isReady: false }
  life.process.once('message', () => {
    life.isReady = true
    log.add({ t: 'ready', engine: 0, at: Date.now(), ms: Date.now() - began })
  })
  return life
}

/** One life until its power fails. */
async function live(site: Site, environment: NodeJS.ProcessEnv): Promise<Refusal | null> {
  const life = begin(site, environment)
  const exit = once(life.process, 'exit')
  const killIn = (ms: number): NodeJS.Timeout => setTimeout(() => void life.process.kill('SIGKILL'), ms)
  let timer = killIn(START_LIMIT_MS)
  life.process.once('message', () => {
    clearTimeout(timer)
    timer = killIn(LIFE_MS)
  })
  await exit
  clearTimeout(timer)
  if (life.process.signalCode !== 'SIGKILL') return refusalOf(site, life)
  site.log.add({ t: 'kill', engine: 0, at: Date.now(), when: life.isReady ? 'running' : 'starting' })
  site.tally.failures += 1
  if (!life.isReady) site.tally.whileStarting += 1
  return null
}

function refusalOf({ disk, tally }: Site, { process }: Life): Refusal {
  const how = process.exitCode ?? process.signalCode
  const said = printedBy(join(disk, '..'), ENGINE)
  return {
    kind: 'refused',
    says: `after ${tally.failures} failures the engine ended by itself with ${how}:${said}`,
  }
}

function losePower(site: Site, image: DiskImage, syncIgnored: PowerOptions['syncIgnored']): void {
  const records = readDiskLog(readFileSync(site.diskLog))
  for (const [nth, record] of records.entries()) image.apply(record, nth)
  const survival = drawSurvival(site.random)
  writeFolder(site.disk, image.afterPowerFailure(syncIgnored === 'all' ? NOTHING : survival))
  site.tally.records += records.length
  site.tally.syncs += records.filter(({ kind }) => kind === 'sync' || kind === 'syncFolder').length
  if (image.hasUnsynced) site.tally.withUnsynced += 1
}

async function lastLife(site: Site): Promise<Refusal | null> {
  const life = begin(site, {})
  const deadline = Date.now() + START_LIMIT_MS
  while (!life.isReady && !hasEnded(life.process) && Date.now() < deadline) await pause(10)
  if (life.isReady) return null
  await ended(life.process, 'SIGKILL')
  return refusalOf(site, life)
}
