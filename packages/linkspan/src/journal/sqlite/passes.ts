import { endingCode, slots } from '../codes.ts'
import type { RecordFrame, Settlement, Wait } from '../journal.ts'
import type { Facts } from './active.ts'
import { recordSum, settlementSum } from './row-sum.ts'
import type { WaitWriter } from './waits.ts'
import type { WriteContext } from './write-context.ts'

/** Writes what comes of messages that were accepted before. What concerns a message that was forgotten is left out. */
export interface PassWriter {
  record(frame: RecordFrame): void
  /** Not for an ended message: its wait would come too late. */
  wait(wait: Wait): void
  settle(settlement: Settlement): void
  revive(wait: Wait): void
}

interface Present extends Facts {
  readonly reason: number | null
  readonly waitFlow: number | null
  readonly ending: number | null
  readonly n: number | null
  readonly frame: Uint8Array | null
}

/** Prepares the writing of records, waits and endings. */
export function passWriter(context: WriteContext, waits: WaitWriter): PassWriter {
  const { db, names, tallies, active } = context
  const find = db.prepare(
    'SELECT m.flow, m.parent_seq AS parent, m.parent_path AS path, m.accepted_at AS acceptedAt, m.size AS bytes, ' +
      'w.reason, w.flow AS waitFlow, s.ending, s.n, s.frame FROM messages m LEFT JOIN waits w ON w.seq = m.seq ' +
      'LEFT JOIN settlements s ON s.seq = m.seq WHERE m.seq = ?',
  )
  const insertRecord = db.prepare('INSERT INTO records VALUES (?, ?, ?, ?)')
  const insertEnding = db.prepare('INSERT INTO settlements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const removeEnding = db.prepare('DELETE FROM settlements WHERE seq = ?')

  const record = (seq: number, n: number, frame: Uint8Array): void => {
    insertRecord.run(seq, n, recordSum(seq, n, frame), frame)
  }
  const endWait = (seq: number, present: Present): void => {
    if (present.reason !== null)
      waits.remove(seq, present.waitFlow as number, present.reason, present.parent !== null)
  }
  const takeEndingBack = (seq: number, { flow, parent, path, ending, n, frame }: Present): void => {
    if (ending === null) return
    removeEnding.run(seq)
    if (frame !== null) record(seq, n as number, frame)
    tallies.add(flow, slots.ending(ending, parent !== null), -1)
    if (parent !== null) tallies.addOpen(parent, path, 1)
  }
  const bare = (seq: number): Facts | undefined => {
    const facts = active.take(seq)
    if (facts !== undefined) return facts
    const present = find.get(seq) as Present | undefined
    if (present === undefined) return undefined
    endWait(seq, present)
    takeEndingBack(seq, present)
    return present
  }
  const ended = (seq: number): boolean => (find.get(seq) as Present | undefined)?.ending !== null

  return {
    record: ({ seq, n, frame }) => record(seq, n, frame),
    wait: (wait) => {
      const facts = active.take(wait.seq) ?? (ended(wait.seq) ? undefined : bare(wait.seq))
      if (facts !== undefined) waits.put(wait, facts)
    },
    settle: ({ seq, ending, endedAt, attempt, frame, n, reason }) => {
      const facts = bare(seq)
      if (facts === undefined) return
      const { flow, parent, path } = facts
      const child = parent !== null
      const code = endingCode(ending)
      const sum = settlementSum(seq, names.nameOf(flow), child, code, endedAt, attempt, n, reason, frame)
      insertEnding.run(seq, sum, flow, child ? 1 : 0, code, endedAt, attempt, n, reason, frame)
      tallies.add(flow, slots.ending(code, child), 1)
      if (child) tallies.addOpen(parent, path, -1)
    },
    revive: (wait) => {
      const facts = bare(wait.seq)
      if (facts !== undefined) waits.put(wait, facts)
    },
  }
}
