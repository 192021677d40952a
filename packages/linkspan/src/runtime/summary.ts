import type { StoredMessage } from '../journal/journal.ts'
import type { StoredError } from '../model/errors.ts'
import type { MessageSummary } from '../model/message.ts'
import { recordOf } from './loaded.ts'
import type { Entry } from './record.ts'

/** A message for lists. `record` is given where it was read already. */
export function summaryOf(stored: StoredMessage, runs: boolean, record?: readonly Entry[]): MessageSummary {
  const { id, flow, key, acceptedAt, ending, wait } = stored
  return {
    id,
    flow,
    key,
    state: ending?.ending ?? (runs ? 'active' : 'waiting'),
    acceptedAt,
    endedAt: ending?.endedAt ?? null,
    wakeAt: ending ? null : (wait?.wakeAt ?? null),
    reason: ending ? null : (wait?.reason ?? null),
    attempt: ending?.attempt ?? wait?.attempt ?? 0,
    error: lastError(record ?? readRecord(stored)),
  }
}

function readRecord(stored: StoredMessage): readonly Entry[] {
  try {
    return recordOf(stored)
  } catch {
    return []
  }
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
      entry.t === 'passed',
  )
  return last && 'e' in last && last.t !== 'passed' ? last.e : null
}
