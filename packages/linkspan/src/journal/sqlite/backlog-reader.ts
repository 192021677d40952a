import type { DatabaseSync } from 'node:sqlite'
import { isLinkspanError } from '../../model/errors.ts'
import type { WaitReason } from '../../model/message.ts'
import { kin, reasonCode, slots } from '../codes.ts'
import type { BacklogEntry, BacklogReader } from '../journal.ts'
import type { AtOnce } from './at-once.ts'
import { type WaitRow, waitOf } from './message-reader.ts'
import type { Names } from './names.ts'
import { rowDamaged } from './sqlite-error.ts'
import { readTallies } from './tallies.ts'

/** Reading what waits. */
export interface BacklogRows extends AtOnce<Omit<BacklogReader, 'unsettled'>> {
  /** Places of messages above `after` and not below `lowWater` that have neither wait nor ending. */
  unsettled(after: number, limit: number, lowWater: number, lastSeq: number): readonly number[]
}

/** Prepares the reading of what waits. */
export function backlogRows(db: DatabaseSync, names: Names, path: string): BacklogRows {
  const page = db.prepare(PAGE)
  const pageOfKey = db.prepare(
    'SELECT * FROM waits WHERE flow = ? AND key = ? AND lane = 1 AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
  )
  const pageOfHolders = db.prepare(
    'SELECT * FROM waits WHERE flow = ? AND hold = 1 AND parent IS NULL AND seq > ? ORDER BY seq LIMIT ?',
  )
  const pageOfParent = db.prepare('SELECT * FROM waits WHERE parent = ? AND seq > ? ORDER BY seq LIMIT ?')
  const due = db.prepare(
    'SELECT * FROM waits WHERE flow = ? AND wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at, seq LIMIT ?',
  )
  const nextDue = db.prepare('SELECT min(wake_at) AS at FROM waits WHERE flow = ? AND wake_at IS NOT NULL')
  const held = db.prepare(
    'SELECT * FROM waits INDEXED BY waits_that_hold WHERE hold = 1 ORDER BY seq LIMIT ?',
  )
  const heldOfFlow = db.prepare('SELECT * FROM waits WHERE hold = 1 AND flow = ? ORDER BY seq LIMIT ?')
  const oldest = db.prepare(
    'SELECT accepted_at AS at FROM waits WHERE flow = ? AND reason = ? AND kin = ? ORDER BY seq LIMIT 1',
  )

  const entries = (rows: readonly unknown[]): readonly BacklogEntry[] =>
    (rows as readonly WaitRow[]).map((row) => entryOf(row, names, path))
  const ofFlow = (flow: string, rows: (code: number) => readonly unknown[]): readonly BacklogEntry[] => {
    const code = names.codeOf(flow)
    return code === undefined ? [] : entries(rows(code))
  }
  const oldestOf = (flow: number, reason: WaitReason, child: boolean): number => {
    const kins = child ? [kin.free, kin.awaited] : [kin.root]
    const ats = kins.flatMap(
      (of) => (oldest.get(flow, reasonCode(reason), of) as { at: number } | undefined)?.at ?? [],
    )
    return Math.min(...ats)
  }
  return {
    unsettled: unsettledReader(db, path),
    page: (flow, after, limit) => ofFlow(flow, (code) => page.all({ flow: code, after, limit })),
    pageOfKey: (flow, key, after, upTo, limit) =>
      ofFlow(flow, (code) => pageOfKey.all(code, key, after, upTo, limit)),
    pageOfHolders: (flow, after, limit) => ofFlow(flow, (code) => pageOfHolders.all(code, after, limit)),
    pageOfParent: (parent, after, limit) => entries(pageOfParent.all(parent, after, limit)),
    due: (flow, at, limit) => ofFlow(flow, (code) => due.all(code, at, limit)),
    nextDue: (flow) => {
      const code = names.codeOf(flow)
      return code === undefined ? null : (nextDue.get(code) as { at: number | null }).at
    },
    count: () =>
      readTallies(db).flatMap(({ flow, slot, count }) => {
        const meaning = slots.meaning(slot)
        if (meaning === undefined || !('reason' in meaning)) return []
        const { reason, child } = meaning
        return [{ flow: names.nameOf(flow), reason, child, count, oldest: oldestOf(flow, reason, child) }]
      }),
    held: (flow, limit) =>
      flow === null ? entries(held.all(limit)) : ofFlow(flow, (code) => heldOfFlow.all(code, limit)),
  }
}

/**
 * A wait that cannot be trusted is handed on by its place alone, without a key and ready: whoever loads the message
 * meets the damage and ends that one message, and the others of the page go on.
 */
function entryOf(row: WaitRow, names: Names, path: string): BacklogEntry {
  try {
    return { ...waitOf(row, names, path), partition: 0, bytes: row.bytes }
  } catch (error) {
    if (!isLinkspanError(error, 'JOURNAL_DAMAGED')) throw error
    const { seq, flow, parent } = row
    const unknown = {
      key: null,
      reason: 'ready',
      wakeAt: null,
      hold: false,
      attempt: 0,
      partition: 0,
      bytes: 0,
      damaged: true,
    } as const
    return { seq, flow: names.nameOf(flow), parent, ...unknown }
  }
}

/** Three index walks in the order of places, each cut at the limit, so that a page costs the same in any backlog. */
const PAGE = `
  SELECT * FROM waits WHERE seq IN (
    SELECT seq FROM (SELECT seq FROM waits WHERE flow = $flow AND reason = 0 AND kin = ${kin.root} AND seq > $after ORDER BY seq LIMIT $limit)
    UNION SELECT seq FROM (SELECT seq FROM waits WHERE flow = $flow AND reason = 0 AND kin = ${kin.free} AND seq > $after ORDER BY seq LIMIT $limit)
    UNION SELECT seq FROM (SELECT seq FROM waits WHERE flow = $flow AND hold = 1 AND parent IS NULL AND seq > $after ORDER BY seq LIMIT $limit)
  ) ORDER BY seq LIMIT $limit`

const STRIDE = 4096

/**
 * Places are given without gaps and nothing at or above the low water is forgotten, so a place that has neither ending
 * nor wait belongs to a message that was running; and a place that has no message at all is damage.
 */
function unsettledReader(db: DatabaseSync, path: string): BacklogRows['unsettled'] {
  const taken = db.prepare(
    'SELECT seq FROM settlements WHERE seq > ? AND seq <= ? UNION ALL SELECT seq FROM waits WHERE seq > ? AND seq <= ?',
  )
  const exists = db.prepare('SELECT 1 FROM messages WHERE seq = ?')
  return (after, limit, lowWater, lastSeq) => {
    const found: number[] = []
    for (
      let from = Math.max(after, lowWater - 1, 0);
      from < lastSeq && found.length < limit;
      from += STRIDE
    ) {
      const to = Math.min(from + STRIDE, lastSeq)
      const rows = taken.all(from, to, from, to) as unknown as { seq: number }[]
      if (rows.length === to - from) continue
      const ended = new Set(rows.map((row) => row.seq))
      for (let seq = from + 1; seq <= to && found.length < limit; seq++) {
        if (ended.has(seq)) continue
        if (exists.get(seq) === undefined)
          throw rowDamaged(path, `message ${seq}`, 'it was accepted and never ended, but is missing')
        found.push(seq)
      }
    }
    return found
  }
}
