import { kin, reasonCode, slots } from '../codes.ts'
import type { NewMessage, Wait } from '../journal.ts'
import type { Facts } from './active.ts'
import { waitSum } from './row-sum.ts'
import type { WriteContext } from './write-context.ts'

/** Puts and removes waits. */
export interface WaitWriter {
  /** The wait of a message that is accepted to run later. */
  ready(message: NewMessage, seq: number, facts: Facts): void
  /** Puts the wait of a message that has none. */
  put(wait: Wait, facts: Facts): void
  remove(seq: number, flow: number, reason: number, child: boolean): void
}

/** Prepares the writing of waits. */
export function waitWriter({ db, names, tallies }: Omit<WriteContext, 'active'>): WaitWriter {
  const insert = db.prepare('INSERT INTO waits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM waits WHERE seq = ?')
  const put = (wait: Wait, { bytes, acceptedAt, parent: made }: Facts): void => {
    const { seq, key, wakeAt, parent, attempt } = wait
    const flow = names.intern(wait.flow)
    const reason = reasonCode(wait.reason)
    const hold = wait.hold ? 1 : 0
    const related = parent !== null ? kin.awaited : made !== null ? kin.free : kin.root
    const lane = parent === null && (hold === 1 || reason === 0) ? 1 : 0
    const sum = waitSum(
      seq,
      wait.flow,
      key,
      reason,
      wakeAt,
      hold,
      parent,
      attempt,
      bytes,
      acceptedAt,
      related,
      lane,
    )
    insert.run(seq, sum, flow, key, reason, wakeAt, hold, parent, attempt, bytes, acceptedAt, related, lane)
    tallies.add(flow, slots.wait(reason, related !== kin.root), 1)
  }
  return {
    ready: ({ flow, key, parent }, seq, facts) => {
      const waiter = parent?.awaited ? parent.seq : null
      put({ seq, flow, key, reason: 'ready', wakeAt: null, hold: false, parent: waiter, attempt: 0 }, facts)
    },
    put,
    remove: (seq, flow, reason, child) => {
      remove.run(seq)
      tallies.add(flow, slots.wait(reason, child), -1)
    },
  }
}
