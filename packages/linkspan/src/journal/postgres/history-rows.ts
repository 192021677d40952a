import { endingCode, FOR_PEOPLE } from '../codes.ts'
import type { HistoryQuery } from '../journal.ts'
import { type AcceptanceTimes, acceptanceTimes } from './acceptance-times.ts'
import type { Reading } from './reading.ts'
import { toText } from './text.ts'

/** A stretch of the history that was looked through. */
export interface Stretch {
  readonly seqs: readonly number[]
  /** Where to go on, or null at the end. */
  readonly next: number | null
}

/** Looking through the history, a stretch at a time so that nobody waits long. */
export interface HistoryRows {
  look(query: HistoryQuery, beyond: number | null, scan: number): Promise<Stretch>
}

/** What one way found in a stretch: how many it looked at, how far and over which times, and which fit. */
interface Found {
  readonly looked: number
  readonly reach: number | null
  readonly earliest: number | null
  readonly latest: number | null
  readonly seqs: readonly number[]
}

/** Takes a value and answers how the statement refers to it. */
type Bind = (value: unknown) => string

/** One way to candidates: what they come from, and the column of their places. */
interface Way {
  readonly from: string
  readonly place: string
}

/** Prepares looking through the history. */
export function historyRows(reading: Reading): HistoryRows {
  const times = acceptanceTimes(reading)
  return {
    look: async (query, beyond, scan) => {
      const newest = query.order !== 'oldest'
      const from = beyond ?? (await startOf(query, newest, times))
      const lowWater = query.live ? await reading.lowWater() : 0
      const walks = waysOf(query, reading.schema, lowWater).map((way) =>
        walk(reading, query, way, from, scan),
      )
      const found = await Promise.all(walks)
      const full = found.flatMap(({ looked, reach }) => (looked === scan && reach !== null ? [reach] : []))
      const reach = full.length === 0 ? null : newest ? Math.max(...full) : Math.min(...full)
      const within = (seq: number): boolean => reach === null || (newest ? seq >= reach : seq <= reach)
      const seqs = found.flatMap((one) => one.seqs).filter(within)
      seqs.sort(newest ? (a, b) => b - a : (a, b) => a - b)
      return { seqs, next: reach !== null && (await isOver(query, newest, found, times)) ? null : reach }
    },
  }
}

/** The place beyond which a query begins. */
async function startOf(
  { since, until }: HistoryQuery,
  newest: boolean,
  times: AcceptanceTimes,
): Promise<number> {
  if (newest) return until === undefined ? Number.MAX_SAFE_INTEGER : times.endOf(until)
  return since === undefined ? -1 : (await times.firstSince(since)) - 1
}

/** Whether nothing that a query asks for lies beyond a stretch. */
async function isOver(
  { since, until }: HistoryQuery,
  newest: boolean,
  found: readonly Found[],
  times: AcceptanceTimes,
): Promise<boolean> {
  if (newest) {
    const latest = Math.max(...found.map((one) => one.latest ?? Number.NEGATIVE_INFINITY))
    return since !== undefined && (await times.allBelowBefore(latest, since))
  }
  const earliest = Math.min(...found.map((one) => one.earliest ?? Number.POSITIVE_INFINITY))
  return until !== undefined && (await times.allAboveSince(earliest, until))
}

/** Looks at so many candidates of a way, and answers those that fit. */
async function walk(
  { look, schema, names }: Reading,
  query: HistoryQuery,
  way: Way,
  beyond: number,
  scan: number,
): Promise<Found> {
  const newest = query.order !== 'oldest'
  const values: unknown[] = []
  const bind: Bind = (value) => `$${values.push(value)}`
  const past = `${way.place} ${newest ? '<' : '>'} ${bind(beyond)}::bigint`
  const candidates =
    `SELECT m.seq, m.flow, m.key, m.accepted_at, m.parent_seq FROM ${fill(way.from, query, bind)} AND ${past} ` +
    `ORDER BY ${way.place} ${newest ? 'DESC' : 'ASC'} LIMIT ${bind(scan)}`
  const conditions = conditionsOf(query, schema, names.codeOf, bind)
  const [row] = await look(
    `WITH c AS MATERIALIZED (${candidates})
     SELECT count(*)::int AS looked, ${newest ? 'min' : 'max'}(c.seq) AS reach, min(c.accepted_at) AS earliest,
       max(c.accepted_at) AS latest, (
         SELECT coalesce(array_agg(c.seq), '{}') FROM c LEFT JOIN ${schema}.settlements s ON s.seq = c.seq
         WHERE ${conditions.join(' AND ')}
       ) AS seqs FROM c`,
    ...values,
  )
  return row as unknown as Found
}

/** Puts the field that is looked for into a way by the index. */
function fill(from: string, { index }: HistoryQuery, bind: Bind): string {
  const [field] = Object.entries(index ?? {})
  return field === undefined ? from : from.replace(FIELD, hasField(field, bind))
}

const FIELD = '/* field */'

function hasField([field, value]: readonly [string, string], bind: Bind): string {
  const [name, text] = [bind(toText(field)), bind(toText(value))]
  return (
    `left(i.field, 100) = left(${name}, 100) AND i.field = ${name} AND ` +
    `left(i.value, 200) = left(${text}, 200) AND i.value = ${text}`
  )
}

/** The narrowest ways that together reach everything the query asks for. */
function waysOf(query: HistoryQuery, schema: string, lowWater: number): readonly Way[] {
  const messages = `${schema}.messages m`
  if (Object.keys(query.index ?? {}).length > 0)
    return [
      { from: `${schema}.message_index i JOIN ${messages} ON m.seq = i.seq WHERE ${FIELD}`, place: 'i.seq' },
    ]
  if (query.live) {
    const none = ['waits', 'settlements'].map(
      (table) => `NOT EXISTS (SELECT FROM ${schema}.${table} o WHERE o.seq = m.seq)`,
    )
    return [
      { from: `${schema}.waits w JOIN ${messages} ON m.seq = w.seq WHERE true`, place: 'w.seq' },
      { from: `${messages} WHERE ${none.join(' AND ')} AND m.seq >= ${lowWater}`, place: 'm.seq' },
    ]
  }
  if (query.endings?.every((ending) => FOR_PEOPLE.has(ending)))
    return query.endings.map((ending) => ({
      from:
        `${schema}.settlements e JOIN ${messages} ON m.seq = e.seq ` +
        `WHERE e.ending IN (2, 3, 4) AND e.ending = ${endingCode(ending)}`,
      place: 'e.seq',
    }))
  return [{ from: `${messages} WHERE true`, place: 'm.seq' }]
}

/** What the ways do not see to. */
function conditionsOf(
  query: HistoryQuery,
  schema: string,
  codeOf: (name: string) => number,
  bind: Bind,
): readonly string[] {
  const { flow, key, since, until, live, endings, index, rootsOnly = true } = query
  const found = ['true']
  if (flow !== undefined) found.push(`c.flow = ${bind(codeOf(flow))}`)
  if (key !== undefined) found.push(`c.key = ${bind(toText(key))}`)
  if (since !== undefined) found.push(`c.accepted_at >= ${bind(since)}`)
  if (until !== undefined) found.push(`c.accepted_at < ${bind(until)}`)
  if (rootsOnly) found.push('c.parent_seq IS NULL')
  if (live) found.push('s.seq IS NULL')
  if (endings !== undefined) found.push(`s.ending = ANY(${bind(endings.map(endingCode))}::smallint[])`)
  for (const field of Object.entries(index ?? {}).slice(1))
    found.push(
      `EXISTS (SELECT FROM ${schema}.message_index i WHERE i.seq = c.seq AND ${hasField(field, bind)})`,
    )
  return found
}
