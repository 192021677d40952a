import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import { inParts, type SeedRange } from './seed-ranges.ts'
import type { FailedSeed } from './seeds.ts'
import { ENOUGH, type Share, type Word } from './share.ts'

/** A long run over several processes. */
export interface ParallelOptions<Result> {
  /** The file that runs a share of the seeds, and says what came of it. */
  readonly program: string
  /** The sum of the results of all shares. */
  readonly added: (results: readonly Result[]) => Result
  readonly ranges: readonly SeedRange[]
  /** How many engines each run has; by its seed where nothing is said. */
  readonly engines?: number
  readonly processes: number
  readonly withinMs: number | null
  /** When it is aborted, those under way are finished and no more are begun. */
  readonly enough?: AbortSignal
  /** Called now and then with how many runs are done. */
  readonly onProgress: (done: number) => void
  /** Called with each run that failed, before all are done. */
  readonly onFailed: (failed: FailedSeed) => void
  /** Called before a share is begun; what it answers is called with what came of the share: of its first seeds, where there was no time for all. */
  readonly onShare?: (first: number) => (result: Result) => void
}

/** How many seeds one process runs: what the platform keeps of each run is gone with it. */
const PER_PROCESS = 1_000

/** What the young objects of a run take; more than V8 gives them by itself. */
const ROOM = ['--max-semi-space-size=64']

/** Runs seeds in several processes. What comes of a seed does not depend on which of them runs it. */
export async function runParallel<
  Result extends { readonly seeds: number; readonly failed: readonly FailedSeed[] },
>(options: ParallelOptions<Result>): Promise<Result> {
  const { ranges, processes, withinMs, engines, enough } = options
  const began = performance.now()
  const results: Result[] = []
  const all = ranges.reduce((sum, { count }) => sum + count, 0)
  const shares = [...inParts(ranges, Math.max(1, Math.min(PER_PROCESS, Math.ceil(all / processes))))]
  let done = 0
  const progress = (more: number): void => {
    done += more
    options.onProgress(done)
  }
  const lane = async (): Promise<void> => {
    for (let range = shares.shift(); range !== undefined; range = shares.shift()) {
      const left = withinMs === null ? null : withinMs - (performance.now() - began)
      if ((left !== null && left <= 0) || enough?.aborted) return
      const share = { ...range, withinMs: left, ...(engines === undefined ? {} : { engines }) }
      const told = options.onShare?.(share.first)
      const result = await runShare<Result>(options.program, share, progress, enough)
      for (const failed of result.failed) options.onFailed(failed)
      if (result.seeds > 0) told?.(result)
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
  enough: AbortSignal | undefined,
): Promise<Result> {
  const child = fork(program, [JSON.stringify(share)], { execArgv: [...NODE_OPTIONS, ...ROOM] })
  let result: Result | null = null
  child.on('message', (word: Word<Result>) => {
    if ('done' in word) progress(word.done)
    else result = word.result
  })
  const end = (): void => tell(child)
  enough?.addEventListener('abort', end)
  const [code] = await once(child, 'close')
  enough?.removeEventListener('abort', end)
  if (result !== null) return result
  throw new Error(
    `A process of the simulation ended with ${code} and no result, at seeds from ${share.first} on.`,
  )
}

function tell(child: ChildProcess): void {
  if (child.connected) child.send(ENOUGH, () => undefined)
}
