import { LinkspanError } from '../../model/errors.ts'
import type { Ending } from '../../model/message.ts'
import type { SpawnOutcome } from '../pattern.ts'
import { invalid, shown, stepWords } from './arguments.ts'

/** How children run, as a step's options. */
export interface ChildrenOptions {
  readonly concurrency?: number
  readonly stopOnError?: boolean
}

/** The options of a step with children as data; refuses a concurrency that is no positive whole number. */
export function checkChildren(
  { concurrency, stopOnError }: ChildrenOptions,
  step: string,
): { readonly concurrency: number | null; readonly stopOnError: boolean } {
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    throw invalid(`${stepWords(step)}: concurrency is a whole number from 1, not ${shown(concurrency)}.`)
  return { concurrency: concurrency ?? null, stopOnError: stopOnError === true }
}

const FAILED: readonly Ending[] = ['dead', 'inDoubt', 'parked']

/** Throws `SPLIT_ITEM_FAILED` when a child ended dead, in doubt or parked. */
export function failedChildren({ count, endings }: SpawnOutcome, path: string): void {
  const failed = FAILED.reduce((sum, ending) => sum + (endings[ending] ?? 0), 0)
  if (failed === 0) return
  throw new LinkspanError(
    'SPLIT_ITEM_FAILED',
    `${failed} of ${count} children of "${path}" failed, and the step says stopOnError. The children's own errors say why.`,
    { details: { path, count, endings } },
  )
}
