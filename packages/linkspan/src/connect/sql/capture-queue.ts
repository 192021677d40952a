import type { TableChange } from './capture-message.ts'
import type { CaptureFollowing } from './capture-position.ts'
import { lsnText, readLsn } from './lsn.ts'
import { type Frame, type LogMessage, type Relation, readLogMessage } from './pgoutput.ts'

/** A change that waits to be accepted. */
export interface QueuedChange {
  readonly kind: 'change'
  readonly change: TableChange
  readonly relation: Relation
  readonly place: Transaction & { readonly index: number }
  /** What it took in the log, in bytes. */
  readonly size: number
}

/** Everything before `lsn` is in the queue before it. */
interface QueuedEnd {
  readonly kind: 'end'
  readonly lsn: bigint
}

/** The transaction that changes are part of. */
export interface Transaction {
  readonly lsn: bigint
  readonly committedAt: string
  readonly transaction: number
}

/** What was taken out of a queue, and how far the source is once it is accepted. */
export interface Taken {
  readonly changes: readonly QueuedChange[]
  readonly position: CaptureFollowing
}

/** The log as it comes, apart into changes: those that were accepted in an earlier life are left out. */
export interface CaptureQueue {
  /** Whether what waits is more than enough. */
  readonly full: boolean
  /** How many changes wait. */
  readonly waiting: number
  hear(
    frame: Extract<Frame, { readonly kind: 'log' }> | { readonly kind: 'alive'; readonly end: bigint },
  ): void
  take(most: number): Taken
}

const MOST_BYTES = 8 * 1024 * 1024

/** A queue from a position on; `wanted` says whose changes are of interest. */
export function createCaptureQueue(
  from: CaptureFollowing,
  wanted: (table: string) => boolean,
  most: number,
): CaptureQueue {
  const relations = new Map<number, Relation>()
  let queue: (QueuedChange | QueuedEnd)[] = []
  let changes = 0
  let bytes = 0
  let open: { readonly transaction: Transaction; index: number; readonly pass: number } | null = null
  let position = from

  const begin = (message: Extract<LogMessage, { readonly kind: 'begin' }>): void => {
    const { lsn, committedAt, transaction } = message
    const part = from.within !== null && readLsn(from.within.lsn) === lsn ? from.within.changes : 0
    const pass = lsn < readLsn(from.lsn) ? Number.POSITIVE_INFINITY : part
    open = { transaction: { lsn, committedAt, transaction }, index: 0, pass }
  }

  const changed = (change: TableChange, id: number, size: number): void => {
    const relation = relations.get(id)
    if (open === null || relation === undefined)
      throw new TypeError(
        `The log has a change of the table number ${id} without saying before what that is.`,
      )
    open.index += 1
    if (open.index <= open.pass || !wanted(`${relation.schema}.${relation.table}`)) return
    changes += 1
    bytes += size
    queue.push({ kind: 'change', change, relation, place: { ...open.transaction, index: open.index }, size })
  }

  const hearMessage = (message: LogMessage, size: number): void => {
    if (message.kind === 'begin') begin(message)
    else if (message.kind === 'commit') {
      open = null
      queue.push({ kind: 'end', lsn: message.end })
    } else if (message.kind === 'relation') relations.set(message.relation.id, message.relation)
    else if (message.kind === 'truncate')
      for (const id of message.relations) changed({ kind: 'truncate' }, id, size)
    else if (message.kind !== 'aside') changed(message, message.relation, size)
  }

  return {
    get full() {
      return changes > 2 * most || bytes > MOST_BYTES
    },
    get waiting() {
      return changes
    },
    hear(frame) {
      if (frame.kind === 'log') hearMessage(readLogMessage(frame.data), frame.data.length)
      else if (open === null) queue.push({ kind: 'end', lsn: frame.end })
    },
    take(limit) {
      const taken: QueuedChange[] = []
      let at = 0
      for (; at < queue.length; at++) {
        const next = queue[at] as QueuedChange | QueuedEnd
        if (next.kind === 'change' && taken.length === limit) break
        if (next.kind === 'change') taken.push(next)
        position = moved(position, next)
      }
      queue = queue.slice(at)
      changes -= taken.length
      bytes -= taken.reduce((sum, { size }) => sum + size, 0)
      return { changes: taken, position }
    },
  }
}

function moved(position: CaptureFollowing, next: QueuedChange | QueuedEnd): CaptureFollowing {
  if (next.kind === 'change')
    return { ...position, within: { lsn: lsnText(next.place.lsn), changes: next.place.index } }
  const lsn = next.lsn > readLsn(position.lsn) ? lsnText(next.lsn) : position.lsn
  return { ...position, lsn, within: null }
}
