/** A split of a large number of items, with the engine killed on the way: nothing finished is done again. */
import type { Row } from '../report.ts'
import { seeded } from '../rig/seeded.ts'
import { live, mib } from './life.ts'
import { readEffects, type Violation } from './read-effects.ts'

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
  readonly violations: readonly Violation[]
  /** Items whose call was made again after a kill, with the key it had. */
  readonly repeats: number
  /** The most of memory that an engine had, bytes. */
  readonly peakRss: number
  readonly seconds: number
}

/** Runs it. */
export async function splitMillion(options: MillionOptions): Promise<MillionResult> {
  const { folder, items, seed, kills = 2, onProgress = () => undefined } = options
  const random = seeded(seed)
  const began = Date.now()
  const rss: number[] = []
  let before = 0
  for (let life = 0; life <= kills; life++) {
    const share = (items / (kills + 1)) * (0.5 + random() * 0.5)
    const limit = life < kills ? share : Number.POSITIVE_INFINITY
    const { last, peakRss, ended } = await live({
      folder,
      program: 'million-engine.ts',
      args: [String(items), life === 0 ? '1' : '0'],
      isFarEnough: (told) => told.done >= limit || told.ended > 0,
    })
    if (ended !== null) throw new Error(`The engine ended by itself with ${ended}.`)
    before += last.done
    rss.push(peakRss)
    onProgress(`life ${life + 1}: ${last.done} calls made, ${before} in all, at most ${mib(peakRss)}`)
  }
  const seconds = (Date.now() - began) / 1_000
  const found = await readEffects({ folder, items, kills, end: { sum: (items * (items - 1)) / 2 } })
  return {
    ...found,
    peakRss: Math.max(...rss),
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
