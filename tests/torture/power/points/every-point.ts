/**
 * Loss of power at every single point of one run: a small run is recorded once, whole; then the power fails after each thing that it did
 * to its files, in up to three ways, and an engine has to go on from what is left.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { NODE_OPTIONS } from '../../../../scripts/lib/node-options.ts'
import type { SentTo } from '../../../faults/simulation/beginnings.ts'
import { readLines } from '../../rig/line-log.ts'
import { readDiskLog } from '../disk-log.ts'
import { environmentOf } from '../shim.ts'
import type { Judged } from './judge.ts'
import { FLOWS, type PointEvent } from './scene.ts'

/** Which run, and how much of it. */
export interface EveryPointOptions {
  /** An empty folder. */
  readonly folder: string
  /** The library that records what is done to files. */
  readonly library: string
  readonly seed: number
  /** @default all that the scene has */
  readonly flows?: readonly SentTo[]
  /** Points are spread over the run: every one of so many first, then those between. @default 64 */
  readonly stride?: number
  /** No more points than so many. @default all */
  readonly most?: number
  readonly seconds?: number
  /** How many judge at once. @default 2 */
  readonly processes?: number
  /** Protection off: waiting for the disk does nothing. */
  readonly syncIgnored?: boolean
  readonly onProgress?: (done: number, points: number) => void
}

/** What was found. */
export interface EveryPointResult {
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
  /** How many points the run has, and at how many of them its power failed. */
  readonly points: number
  readonly cut: number
  /** Every one of so many was cut at least. */
  readonly every: number
  /** How often an engine went on from there. */
  readonly lives: number
  readonly syncs: number
  readonly sent: number
  readonly effects: number
  readonly seconds: number
}

const PER_PROCESS = 150
const PROCESSES = 2
const FIRST_STRIDE = 64

/** Records the run, and cuts it. */
export async function everyPoint(options: EveryPointOptions): Promise<EveryPointResult> {
  const { folder, flows = FLOWS, seconds = Number.POSITIVE_INFINITY, onProgress } = options
  const began = performance.now()
  const elapsed = (): number => (performance.now() - began) / 1_000
  const files = {
    disk: join(folder, 'disk'),
    diskLog: join(folder, 'disk.log'),
    events: join(folder, 'events.log'),
  }
  mkdirSync(files.disk)
  await record(options, files, flows)
  const records = readDiskLog(readFileSync(files.diskLog))
  const events = readLines<PointEvent>(files.events)
  const points = inOrder(records.length, options.stride ?? FIRST_STRIDE).slice(0, options.most)
  const judged: Judged[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    let judge: Judge | null = null
    for (let point = points[next++]; point !== undefined && elapsed() < seconds; point = points[next++]) {
      judge ??= await startJudge([
        join(folder, 'lives'),
        files.diskLog,
        files.events,
        flows.join(','),
        options.seed,
      ])
      const told = await judge.judge(point)
      judged.push(told)
      if (judge.isSpent()) judge = await judge.end()
      onProgress?.(judged.length, records.length + 1)
    }
    await judge?.end()
  }
  await Promise.all(Array.from({ length: options.processes ?? PROCESSES }, lane))
  return {
    violations: judged.toSorted((a, b) => a.point - b.point).flatMap(({ violations }) => violations),
    points: records.length + 1,
    cut: judged.length,
    every: strideOf(
      judged.map(({ point }) => point),
      records.length,
    ),
    lives: judged.reduce((sum, { ways }) => sum + ways, 0),
    syncs: records.filter(({ kind }) => kind === 'sync' || kind === 'syncFolder').length,
    sent: events.filter(({ t }) => t === 'sent').length,
    effects: events.filter(({ t }) => t === 'effect').length,
    seconds: elapsed(),
  }
}

/** All points from 0 on, with those first that are a stride apart, then half a stride, so that what is cut is spread. */
export function inOrder(last: number, stride: number): readonly number[] {
  const order: number[] = []
  const taken = new Set<number>()
  for (let step = stride; step >= 1; step = Math.floor(step / 2))
    for (let point = 0; point <= last; point += step) {
      if (taken.has(point)) continue
      taken.add(point)
      order.push(point)
    }
  return order
}

/** The smallest distance at which all points were cut. */
export function strideOf(cut: readonly number[], last: number): number {
  const all = new Set(cut)
  const isWhole = (step: number): boolean => {
    for (let point = 0; point <= last; point += step) if (!all.has(point)) return false
    return true
  }
  for (let step = 1; step <= last; step += 1) if (isWhole(step)) return step
  return last + 1
}

async function record(
  { library, syncIgnored = false }: EveryPointOptions,
  { disk, diskLog, events }: { readonly disk: string; readonly diskLog: string; readonly events: string },
  flows: readonly SentTo[],
): Promise<void> {
  const child = start('first-life.ts', [disk, diskLog, events, flows.join(',')], {
    ...process.env,
    ...environmentOf(library, { log: diskLog, folder: disk, cutAfter: null, syncIgnored }),
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`The run whose power is to fail ended with ${code}.`)
}

interface Judge {
  judge(point: number): Promise<Judged>
  isSpent(): boolean
  end(): Promise<null>
}

async function startJudge(args: readonly (string | number)[]): Promise<Judge> {
  const child = start('judge.ts', args.map(String), process.env)
  await once(child, 'message')
  const exit = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code, signal) => {
      reject(new Error(`The process that judges points ended with ${code ?? signal}.`))
    })
  })
  exit.catch(() => undefined)
  let judged = 0
  return {
    async judge(point) {
      judged += 1
      const told = new Promise<Judged>((resolve) => {
        child.once('message', (judgement) => resolve(judgement as Judged))
      })
      child.send(point)
      return Promise.race([told, exit])
    },
    isSpent: () => judged >= PER_PROCESS,
    async end() {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
      return null
    },
  }
}

function start(name: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return fork(fileURLToPath(new URL(name, import.meta.url)), args, {
    execPath,
    env,
    execArgv: [...NODE_OPTIONS],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}
