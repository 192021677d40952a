import { LinkspanError } from '../../model/errors.ts'
import type { Batch, Committed } from '../journal.ts'
import { applyBatch } from './applying.ts'
import type { MemberRow } from './cluster.ts'
import type { World } from './world.ts'

/**
 * What becomes of one call of `commit`:
 * - `ok`: written and answered.
 * - `lost-before`, `lost-after`: the engine dies; the batch is not, or is, durable. Nothing is answered any more.
 * - `unreachable-before`, `unreachable-after`: answered by `JOURNAL_UNREACHABLE`; the batch is not, or is, durable.
 * - `full`: answered by `JOURNAL_FULL`; nothing is written.
 */
export type CommitFate =
  | 'ok'
  | 'lost-before'
  | 'lost-after'
  | 'unreachable-before'
  | 'unreachable-after'
  | 'full'

const WRITTEN: ReadonlySet<CommitFate> = new Set<CommitFate>(['ok', 'lost-after', 'unreachable-after'])

/** Does what a fate says; null where the engine dies of it. */
export function meet(
  fate: CommitFate,
  batch: Batch,
  world: World,
  member: number,
  refusal: () => LinkspanError | null,
): Committed | LinkspanError | null {
  const written = WRITTEN.has(fate) ? (refusal() ?? attempt(world, batch, member)) : null
  if (fate === 'lost-before' || fate === 'lost-after') return null
  if (written instanceof LinkspanError) return written
  if (fate === 'ok' && written !== null) return written
  return fate === 'full' ? full() : unreachable()
}

function attempt(world: World, batch: Batch, member: number): Committed | LinkspanError {
  const { last } = world.cluster.members.get(member) as MemberRow
  if (last !== null && last.id === batch.id) return last.committed
  try {
    if (last !== null && last.id > batch.id) throw new Error(`Batch ${batch.id} came after batch ${last.id}.`)
    return applyBatch(world, batch, member)
  } catch (cause) {
    return new LinkspanError('JOURNAL_FAILED', `Writing failed in the simulated journal: ${String(cause)}`, {
      cause,
    })
  }
}

function full(): LinkspanError {
  return new LinkspanError('JOURNAL_FULL', 'The simulated journal is full.', { retry: 'later' })
}

function unreachable(): LinkspanError {
  const options = { retry: 'later', applied: 'unknown' } as const
  return new LinkspanError('JOURNAL_UNREACHABLE', 'The simulated journal did not answer.', options)
}
