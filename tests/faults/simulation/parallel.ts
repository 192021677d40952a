import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { added, type SeedsResult } from './seeds.ts'
import type { Share, Word } from './share.ts'

/** A long run over several processes. */
export interface ParallelOptions {
  readonly first: number
  readonly count: number
  readonly processes: number
  readonly withinMs: number | null
  /** Called now and then with how many runs are done. */
  readonly onProgress: (done: number) => void
}

/** Runs seeds in several processes. What comes of a seed does not depend on which of them runs it. */
export async function runParallel(options: ParallelOptions): Promise<SeedsResult> {
  const { first, count, withinMs } = options
  const processes = Math.min(options.processes, count)
  let done = 0
  const progress = (more: number): void => {
    done += more
    options.onProgress(done)
  }
  const shares = Array.from({ length: processes }, (_, at): Share => {
    const own = Math.floor(count / processes) + (at < count % processes ? 1 : 0)
    return { first: first + at, step: processes, count: own, withinMs }
  })
  return added(await Promise.all(shares.map((share) => runShare(share, progress))))
}

async function runShare(share: Share, progress: (more: number) => void): Promise<SeedsResult> {
  const child = fork(join(import.meta.dirname, 'share.ts'), [JSON.stringify(share)], {
    execArgv: ['--conditions=source'],
  })
  let result: SeedsResult | null = null
  child.on('message', (word: Word) => {
    if ('done' in word) progress(word.done)
    else result = word.result
  })
  const [code] = await once(child, 'close')
  if (result !== null) return result
  throw new Error(
    `A process of the simulation ended with ${code} and no result, at seeds from ${share.first} on.`,
  )
}
