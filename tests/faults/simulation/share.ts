/** What one process of several does that share the seeds of a long run: it takes its share as JSON, and sends what came of it. */
import process from 'node:process'
import type { SeedsOptions } from './seeds.ts'

/** What a process is told to do. */
export interface Share extends Pick<SeedsOptions, 'first' | 'count' | 'repeatEvery' | 'engines'> {
  /** After so many milliseconds no further seed is begun; null for no limit. */
  readonly withinMs: number | null
}

/** What a process says. */
export type Word<Result> = { readonly done: number } | { readonly result: Result }

/** What a process is told while it runs: to begin no further seed. */
export const ENOUGH = 'enough'

const EVERY = 50

/** Runs the share that this process was given: `run` is told whether to go on, and called back after each seed. */
export async function runShare<Result>(
  run: (share: Omit<Share, 'withinMs'>, goOn: () => boolean, onSeed: () => void) => Promise<Result>,
): Promise<void> {
  const { withinMs, ...share } = JSON.parse(process.argv[2] ?? '{}') as Share
  const began = performance.now()
  const say = (word: Word<Result>): void => void process.send?.(word)
  let done = 0
  let isEnough = false
  process.on('message', (word) => {
    if (word === ENOUGH) isEnough = true
  })
  // The whole group hears of a key that is pressed to end it: who began this one says what to do.
  process.on('SIGINT', () => undefined)
  process.on('disconnect', () => process.exit(1))
  const result = await run(
    share,
    () => !isEnough && (withinMs === null || performance.now() - began < withinMs),
    () => {
      done += 1
      if (done % EVERY === 0) say({ done: EVERY })
    },
  )
  say({ done: done % EVERY })
  process.send?.({ result } satisfies Word<Result>, undefined, {}, () => process.exit(0))
}
