import { fork } from 'node:child_process'
import { once } from 'node:events'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import type { FailedSeed } from './seeds.ts'
import type { Share, Word } from './share.ts'

/** A long run over several processes. */
export interface ParallelOptions<Result> {
  /** The file that runs a share of the seeds, and says what came of it. */
  readonly program: string
  /** The sum of the results of all shares. */
  readonly added: (results: readonly Result[]) => Result
  readonly first: number
  readonly count: number
  /** How many engines each run has; by its seed where nothing is said. */
  readonly engines?: number
  readonly processes: number
  readonly withinMs: number | null
  /** Called now and then with how many runs are done. */
  readonly onProgress: (done: number) => void
  /** Called with each run that failed, before all are done. */
  readonly onFailed: (failed: FailedSeed) => void
}

/** How many seeds one process runs: what the platform keeps of each run is gone with it. */
const PER_PROCESS = 1_000

/** Runs seeds in several processes. What comes of a seed does not depend on which of them runs it. */
export async function runParallel<Result extends { readonly failed: readonly FailedSeed[] }>(
  options: ParallelOptions<Result>,
): Promise<Result> {
  const { first, count, processes, withinMs, engines } = options
  const began = performance.now()
  const results: Result[] = []
  const size = Math.min(PER_PROCESS, Math.ceil(count / processes))
  let begun = 0
  let done = 0
  const progress = (more: number): void => {
    done += more
    options.onProgress(done)
  }
  const lane = async (): Promise<void> => {
    while (begun < count) {
      const left = withinMs === null ? null : withinMs - (performance.now() - began)
      if (left !== null && left <= 0) return
      const share = {
        first: first + begun,
        count: Math.min(size, count - begun),
        withinMs: left,
        ...(engines === undefined ? {} : { engines }),
      }
      begun += share.count
      const result = await runShare<Result>(options.program, share, progress)
      for (const failed of result.failed) options.onFailed(failed)
      results.push(result)
    }
  }
  await Promise.all(Array.from({ length: processes }, lane))
  return options.added(results)
}

async function runShare<Result>(
  program: string,
  share: Share,
  progress: (more: number) => void,
): Promise<Result> {
  const child = fork(program, [JSON.stringify(share)], { execArgv: [...NODE_OPTIONS] })
  let result: Result | null = null
  child.on('message', (word: Word<Result>) => {
    if ('done' in word) progress(word.done)
    else result = word.result
  })
  const [code] = await once(child, 'close')
  if (result !== null) return result
  throw new Error(
    `A process of the simulation ended with ${code} and no result, at seeds from ${share.first} on.`,
  )
}
