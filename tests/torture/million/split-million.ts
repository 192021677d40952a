/** A split of a large number of items, with the engine killed on the way: nothing finished is done again. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, openSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import type { Row } from '../report.ts'
import { seeded } from '../rig/seeded.ts'

/** How the split goes. */
export interface MillionOptions {
  readonly folder: string
  readonly items: number
  readonly seed: number
  /** How often the engine is killed on the way. @default 2 */
  readonly kills?: number
  readonly onProgress?: (line: string) => void
}

/** What came of it. */
export interface MillionResult {
  readonly rows: readonly Row[]
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
  /** Items whose call was made again after a kill, with the key it had. */
  readonly repeats: number
  /** The most of memory that an engine had, bytes. */
  readonly peakRss: number
  readonly seconds: number
}

interface Report {
  readonly done: number
  readonly rss: number
  readonly ended: number
  readonly dead: number
}

/** Runs it. */
export async function splitMillion(options: MillionOptions): Promise<MillionResult> {
  const { items, seed, kills = 2, onProgress = () => undefined } = options
  const random = seeded(seed)
  const began = Date.now()
  const rss: number[] = []
  let before = 0
  for (let life = 0; life <= kills; life++) {
    const share = (items / (kills + 1)) * (0.5 + random() * 0.5)
    const limit = life < kills ? share : Number.POSITIVE_INFINITY
    const { done, peak } = await live(options, life === 0, limit)
    before += done
    rss.push(peak)
    onProgress(`life ${life + 1}: ${done} calls made, ${before} in all, at most ${mib(peak)}`)
  }
  const seconds = (Date.now() - began) / 1_000
  const found = await readEffects(options)
  const peakRss = Math.max(...rss)
  return {
    ...found,
    peakRss,
    seconds,
    rows: [
      ['seed', seed],
      ['items', items],
      ['kills on the way', kills],
      ['calls made again, under their old key', found.repeats],
      ['time', `${seconds.toFixed(1)} s, ${Math.round(items / seconds)} items a second`],
      ['memory at most, by life', rss.map(mib).join(', ')],
    ],
  }
}

const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** One engine, until it has done so much, or all. */
async function live(
  { folder, items }: MillionOptions,
  first: boolean,
  limit: number,
): Promise<{ readonly done: number; readonly peak: number }> {
  const child = start(folder, items, first)
  let last: Report = { done: 0, rss: 0, ended: 0, dead: 0 }
  let peak = 0
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('exit', (code) => reject(new Error(`The engine ended by itself with ${code}.`)))
      child.on('message', (report: Report) => {
        last = report
        peak = Math.max(peak, report.rss)
        if (report.dead > 0) reject(new Error('The message did not end well.'))
        if (report.done >= limit || report.ended > 0) resolve()
      })
    })
  } finally {
    child.removeAllListeners('exit')
    const exited = once(child, 'exit')
    if (child.kill('SIGKILL')) await exited
  }
  return { done: last.done, peak }
}

function start(folder: string, items: number, first: boolean): ChildProcess {
  const program = fileURLToPath(new URL('million-engine.ts', import.meta.url))
  const output = openSync(join(folder, 'engine.log'), 'a')
  return fork(program, [folder, String(items), first ? '1' : '0'], {
    execPath,
    execArgv: [...NODE_OPTIONS],
    stdio: ['ignore', output, output, 'ipc'],
  })
}

/** How many calls may be under way when an engine dies: the flow's concurrency. */
const UNDER_WAY = 128
/** Calls whose outcome waits for the next commit when an engine dies. */
const UNCOMMITTED = 3 * UNDER_WAY

async function readEffects({
  folder,
  items,
  kills = 2,
}: MillionOptions): Promise<Pick<MillionResult, 'violations' | 'repeats'>> {
  const violations: { kind: string; says: string }[] = []
  const marks = new Map<number, string>()
  const ends = new Set<string>()
  let repeats = 0
  const wanted = (items * (items - 1)) / 2
  const lines = createInterface({ input: createReadStream(join(folder, 'effects.log')) })
  for await (const line of lines) {
    const [what = '', mark = '', , sum] = line.split(' ')
    if (what === 'end') {
      ends.add(mark)
      if (Number(sum) !== wanted)
        violations.push({ kind: 'content', says: `the sum is ${sum}, not ${wanted}` })
      continue
    }
    const known = marks.get(Number(what))
    if (known === undefined) marks.set(Number(what), mark)
    else if (known === mark) repeats += 1
    else violations.push({ kind: 'doubled', says: `item ${what} was done as ${known} and as ${mark}` })
  }
  if (marks.size !== items)
    violations.push({ kind: 'missing', says: `${items - marks.size} items were not done` })
  if (ends.size !== 1) violations.push({ kind: 'doubled', says: `the split ended ${ends.size} times` })
  if (repeats > kills * (UNDER_WAY + UNCOMMITTED))
    violations.push({ kind: 'doubled', says: `${repeats} finished items were done again` })
  return { violations: violations.slice(0, 20), repeats }
}
