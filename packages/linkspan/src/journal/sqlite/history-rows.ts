import type { DatabaseSync } from 'node:sqlite'
import type { Ending } from '../../model/message.ts'
import { endingCode, endingOf, FOR_PEOPLE } from '../codes.ts'
import type { HistoryQuery } from '../journal.ts'
import { type AcceptanceTimes, acceptanceTimes } from './acceptance-times.ts'
import type { Names } from './names.ts'

/** A stretch of the history that was looked through. */
export interface Stretch {
  readonly seqs: readonly number[]
  /** Where to go on, or null at the end. */
  readonly next: number | null
}

/** Looking through the history, a stretch at a time so that nobody waits long. */
export interface HistoryRows {
  look(query: HistoryQuery, beyond: number | null, lowWater: number, scan: number): Stretch
}

interface Candidate {
  readonly seq: number
  readonly flow: number
  readonly key: string | null
  readonly accepted_at: number
  readonly parent_seq: number | null
  readonly fields: string | null
  readonly ending: number | null
}

/** One way to candidates in the order of their places. */
type Way = (beyond: number, scan: number) => readonly Candidate[]

const COLUMNS = 'm.seq, m.flow, m.key, m.accepted_at, m.parent_seq, m.fields, s.ending'
const ENDED = 'LEFT JOIN settlements s ON s.seq = m.seq'

/** Prepares looking through the history. */
export function historyRows(db: DatabaseSync, names: Names): HistoryRows {
  const times = acceptanceTimes(db)
  return {
    look: (query, beyond, lowWater, scan) => {
      const newest = query.order !== 'oldest'
      const from = beyond ?? startOf(query, newest, times)
      const fits = filterOf(query, names)
      if (fits === null) return { seqs: [], next: null }
      const found = ways(db, query, newest, lowWater).map((way) => way(from, scan))
      const full = found.filter((rows) => rows.length === scan).map((rows) => rows[scan - 1]?.seq as number)
      const reach = full.length === 0 ? null : newest ? Math.max(...full) : Math.min(...full)
      const within = (seq: number): boolean => reach === null || (newest ? seq >= reach : seq <= reach)
      const seqs = found.flatMap((rows) =>
        rows.filter((row) => within(row.seq) && fits(row)).map((row) => row.seq),
      )
      seqs.sort(newest ? (a, b) => b - a : (a, b) => a - b)
      const seen = found.flatMap((rows) => rows.map((row) => row.accepted_at))
      return { seqs, next: reach !== null && isOver(query, newest, seen, times) ? null : reach }
    },
  }
}

/** The place beyond which a query begins. */
function startOf({ since, until }: HistoryQuery, newest: boolean, times: AcceptanceTimes): number {
  if (newest) return until === undefined ? Number.MAX_SAFE_INTEGER : times.endOf(until)
  return since === undefined ? -1 : times.firstSince(since) - 1
}

/** Whether nothing that a query asks for lies beyond a stretch whose messages were accepted at these times. */
function isOver(
  { since, until }: HistoryQuery,
  newest: boolean,
  seen: readonly number[],
  times: AcceptanceTimes,
): boolean {
  if (newest) return since !== undefined && times.allBelowBefore(seen, since)
  return until !== undefined && times.allAboveSince(seen, until)
}

/** The narrowest ways that together reach everything the query asks for. */
function ways(db: DatabaseSync, query: HistoryQuery, newest: boolean, lowWater: number): readonly Way[] {
  const order = newest ? 'DESC' : 'ASC'
  const past = newest ? '<' : '>'
  const way = (from: string, place: string, ...bound: readonly (string | number)[]): Way => {
    const statement = db.prepare(
      `SELECT ${COLUMNS} FROM ${from} AND ${place} ${past} ? ORDER BY ${place} ${order} LIMIT ?`,
    )
    return (beyond, scan) => statement.all(...bound, beyond, scan) as unknown as Candidate[]
  }
  const [field] = Object.entries(query.index ?? {})
  if (field !== undefined)
    return [
      way(
        `message_index i JOIN messages m ON m.seq = i.seq ${ENDED} WHERE i.field = ? AND i.value = ?`,
        'i.seq',
        ...field,
      ),
    ]
  if (query.live) {
    const none = 'NOT EXISTS (SELECT 1 FROM waits w WHERE w.seq = m.seq) AND s.seq IS NULL'
    return [
      way(`waits w CROSS JOIN messages m ON m.seq = w.seq ${ENDED} WHERE 1`, 'w.seq'),
      way(`messages m ${ENDED} WHERE ${none} AND m.seq >= ?`, 'm.seq', lowWater),
    ]
  }
  if (query.endings?.every((ending) => FOR_PEOPLE.has(ending)))
    return query.endings.map((ending) => {
      const these = `s.ending IN (2, 3, 4) AND s.ending = ${endingCode(ending)}`
      return way(`settlements s CROSS JOIN messages m ON m.seq = s.seq WHERE ${these}`, 's.seq')
    })
  return [way(`messages m ${ENDED} WHERE 1`, 'm.seq')]
}

/** What the ways do not see to; null when nothing can fit. */
function filterOf(query: HistoryQuery, names: Names): ((row: Candidate) => boolean) | null {
  const flow = query.flow === undefined ? null : names.codeOf(query.flow)
  if (flow === undefined) return null
  const { key, since, until } = query
  const endings = query.endings === undefined ? null : new Set<Ending | undefined>(query.endings)
  const index = Object.entries(query.index ?? {})
  const rootsOnly = query.rootsOnly ?? true
  return (row) =>
    (flow === null || row.flow === flow) &&
    (key === undefined || row.key === key) &&
    (since === undefined || row.accepted_at >= since) &&
    (until === undefined || row.accepted_at < until) &&
    (!rootsOnly || row.parent_seq === null) &&
    (!query.live || row.ending === null) &&
    (endings === null || (row.ending !== null && endings.has(endingOf(row.ending)))) &&
    hasFields(row.fields, index)
}

function hasFields(fields: string | null, index: readonly (readonly [string, string])[]): boolean {
  if (index.length === 0) return true
  if (fields === null) return false
  const present = fieldsOf(fields)
  return index.every(([field, value]) => present[field] === value)
}

/** Damaged ones are no fields; the message that has them is not found by them, and the others are. */
function fieldsOf(text: string): Readonly<Record<string, string>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, string>>
  } catch {
    return {}
  }
}
