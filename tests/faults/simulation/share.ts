/** One process of several that share the seeds of a long run: takes its share as JSON, and sends what came of it. */
import process from 'node:process'
import { runSeeds, type SeedsOptions, type SeedsResult } from './seeds.ts'

/** What a process is told to do. */
export interface Share extends Pick<SeedsOptions, 'first' | 'count' | 'repeatEvery' | 'engines'> {
  /** After so many milliseconds no further seed is begun; null for no limit. */
  readonly withinMs: number | null
}

/** What a process says. */
export type Word = { readonly done: number } | { readonly result: SeedsResult }

const EVERY = 50

const { withinMs, ...share } = JSON.parse(process.argv[2] ?? '{}') as Share
const began = performance.now()
let done = 0

const result = await runSeeds({
  ...share,
  goOn: () => withinMs === null || performance.now() - began < withinMs,
  onSeed: () => {
    done += 1
    if (done % EVERY === 0) say({ done: EVERY })
  },
})
say({ done: done % EVERY })
say({ result })

function say(word: Word): void {
  process.send?.(word)
}
