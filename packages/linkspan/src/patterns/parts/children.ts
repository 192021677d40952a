import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Ending } from '../../model/message.ts'
import type { Pass, SpawnOutcome, SpawnPlan } from '../pattern.ts'
import { invalid, shown, stepWords } from './arguments.ts'

/** How children run, as a step's options. */
export interface ChildrenOptions {
  readonly concurrency?: number
  readonly stopOnError?: boolean
  readonly timeout?: Duration
}

/** The options of a step with children as data. */
export type ChildrenData = {
  readonly concurrency: number | null
  readonly stopOnError: boolean
  readonly timeoutMs: number | null
}

/** The options of a step with children as data; refuses a concurrency that is no positive whole number, and no time at all. */
export function checkChildren(
  { concurrency, stopOnError, timeout }: ChildrenOptions,
  step: string,
): ChildrenData {
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    throw invalid(`${stepWords(step)}: concurrency is a whole number from 1, not ${shown(concurrency)}.`)
  const timeoutMs = timeout === undefined ? null : durationMs(timeout)
  if (timeoutMs !== null && timeoutMs <= 0)
    throw invalid(`${stepWords(step)}: timeout is a duration longer than 0, such as '10s'.`)
  return { concurrency: concurrency ?? null, stopOnError: stopOnError === true, timeoutMs }
}

/** Makes the children of a step, as its options say, and waits for them. */
export async function spawnChildren(
  pass: Pass,
  plan: Pick<SpawnPlan, 'path' | 'scopeOf' | 'bodies' | 'keepOutputs'>,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { concurrency, stopOnError, timeoutMs } = options as ChildrenData
  const outcome = await pass.spawn({ ...plan, concurrency, stopOnError, timeoutMs: timeoutMs ?? null })
  if (outcome.timedOut) pass.tell(plan.path, 'timed-out', 'warn')
  if (stopOnError) failedChildren(outcome, plan.path)
}

const FAILED: readonly Ending[] = ['dead', 'inDoubt', 'parked']

/** Throws `SPLIT_ITEM_FAILED` when a child ended dead, in doubt or parked. */
function failedChildren({ count, endings }: SpawnOutcome, path: string): void {
  const failed = FAILED.reduce((sum, ending) => sum + (endings[ending] ?? 0), 0)
  if (failed === 0) return
  throw new LinkspanError(
    'SPLIT_ITEM_FAILED',
    `${failed} of ${count} children of "${path}" failed, and the step says stopOnError. The children's own errors say why.`,
    { details: { path, count, endings } },
  )
}
