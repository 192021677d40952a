import type { StoredMessage } from '../journal/journal.ts'
import { LinkspanError, type StoredError, storeError } from '../model/errors.ts'
import type { MessageSummary, WaitReason } from '../model/message.ts'
import { pathAt } from '../model/step-place.ts'
import { NEVER_MS } from '../patterns/pattern.ts'
import { readableRecord } from './loaded.ts'
import type { Entry } from './record.ts'

/** A message for lists. `read` is what was read of its record already. */
export function summaryOf(
  stored: StoredMessage,
  runs: boolean,
  read: ReturnType<typeof readableRecord> = readableRecord(stored),
): MessageSummary {
  const { id, flow, key, acceptedAt, ending, wait } = stored
  const damaged = stored.damaged !== undefined || read.error?.code === 'RECORD_DAMAGED'
  return {
    id,
    flow,
    key,
    state: ending?.ending ?? (runs ? 'active' : 'waiting'),
    acceptedAt,
    endedAt: ending?.endedAt ?? null,
    wakeAt: ending || wait?.wakeAt === NEVER_MS ? null : (wait?.wakeAt ?? null),
    reason: ending ? null : (wait?.reason ?? null),
    attempt: attemptOf(ending ?? wait),
    ...(ending === null ? waitedFor(wait?.reason, read.entries) : {}),
    error: read.error ? storeError(read.error) : lastError(read.entries),
    ...(damaged ? { damaged } : {}),
  }
}

function waitedFor(
  reason: WaitReason | undefined,
  record: readonly Entry[],
): Pick<MessageSummary, 'budget' | 'waitsAt'> {
  if (reason === 'budget') {
    const last = record.findLast((entry) => entry.t === 'budget')
    return last === undefined ? {} : { budget: last.c }
  }
  if (reason !== 'delay' && reason !== 'event') return {}
  const last = record.findLast((entry) => entry.t === 'pause' || entry.t === 'beside')
  return last === undefined ? {} : { waitsAt: pathAt(last.p) }
}

/** A summary that says so where nothing runs the message because its flow is not in the project. */
export function inProject(summary: MessageSummary, flows: { has(flow: string): boolean }): MessageSummary {
  const { flow, state, error } = summary
  if ((state !== 'waiting' && state !== 'active') || error !== null || flows.has(flow)) return summary
  return { ...summary, error: storeError(flowGone(flow)) }
}

function flowGone(flow: string): LinkspanError {
  return new LinkspanError(
    'FLOW_UNKNOWN',
    `The project has no flow "${flow}", so the message waits. Bring the flow back; or, if it was renamed, say ` +
      `renamedFrom: '${flow}' in its options; or cancel the message.`,
    { details: { flow } },
  )
}

/** Which attempt this is, for people, from 1. The journal counts those before it. */
export function attemptOf(over: { readonly attempt: number } | null): number {
  return (over?.attempt ?? 0) + 1
}

/** The error that a person should see: how it ended, or what it was last held up by. */
function lastError(record: readonly Entry[]): StoredError | null {
  const last = record.findLast(
    (entry) =>
      entry.t === 'end' ||
      entry.t === 'failed' ||
      entry.t === 'unknown' ||
      entry.t === 'error' ||
      entry.t === 'done' ||
      entry.t === 'resolved' ||
      entry.t === 'passed',
  )
  return last && 'e' in last && last.t !== 'passed' ? last.e : null
}
