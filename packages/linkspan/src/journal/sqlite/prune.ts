import type { DatabaseSync } from 'node:sqlite'
import { endingOf, FOR_PEOPLE, slots } from '../codes.ts'
import { createWalk, type ForgetBounds } from '../walk.ts'
import type { WriteContext } from './write-context.ts'

/** Runs changes in a transaction of their own. */
export type Transact = (run: (context: WriteContext) => void) => void

/** Forgets old messages, a stretch per call. */
export interface Pruner {
  /**
   * Looks at up to `limit` rows, or passes over some; 0 when it came round. Writes only when there is something to
   * forget.
   */
  step(bounds: PruneBounds, limit: number, transact: Transact): number
}

/** What may be forgotten. */
export interface PruneBounds extends ForgetBounds {
  /** Nothing at or above this place is forgotten, so that the journal can tell a lost message from a forgotten one. */
  readonly lowWater: number
}

interface Candidate {
  readonly seq: number
  readonly ending: number
  readonly ended_at: number
  readonly flow: number
  readonly child: number
  readonly accepted_at: number | null
  readonly parent_seq: number | null
  readonly fields: string | null
}

/** Makes a pruner that walks the history from its oldest place, and begins again when it comes to what is too young. */
export function createPruner(db: DatabaseSync): Pruner {
  const candidates = db.prepare(
    'SELECT s.seq, s.ending, s.ended_at, s.flow, s.child, m.accepted_at, m.parent_seq, m.fields FROM settlements s ' +
      'LEFT JOIN messages m ON m.seq = s.seq WHERE s.seq > ? AND s.seq < ? ORDER BY s.seq LIMIT ?',
  )
  const forgetExpired = expirer(db)
  const anyExpired = expiryFinder(db)
  const isNeeded = needFinder(db)
  const forgetRange = rangeRemover(db)
  const unindex = db.prepare('DELETE FROM message_index WHERE field = ? AND value = ? AND seq = ?')
  const walk = createWalk()

  const forget = (context: WriteContext, row: Candidate): void => {
    const fields = row.fields === null ? {} : (JSON.parse(row.fields) as Record<string, string>)
    for (const [field, value] of Object.entries(fields)) unindex.run(field, value, row.seq)
    context.tallies.add(row.flow, slots.ending(row.ending, row.child === 1), -1)
  }
  return {
    step: (bounds, limit, transact) => {
      const stretch = walk.next(bounds, bounds.lowWater)
      const rows = candidates.all(stretch.after, stretch.stop, limit) as unknown as Candidate[]
      const old = forgettable(rows, bounds, isNeeded)
      let expired = 0
      if (old.length > 0 || anyExpired(bounds.now))
        transact((context) => {
          for (const row of old) forget(context, row)
          for (const [from, to] of stretches(old)) forgetRange(from, to)
          expired = forgetExpired(bounds.now, limit)
        })
      const young = rows.every((row) => isYoung(row, bounds))
      const { length: count } = rows
      const last = rows.at(-1)?.seq ?? null
      const found = { count, limit, last, forgotten: old.length, young, soonest: soonestOf(rows, bounds) }
      return walk.goOn(stretch, found, bounds) ? Math.max(count, 1) + expired : expired
    },
  }
}

/** Messages lie in the order of acceptance, so behind a whole stretch of young ones there are only younger ones. */
function isYoung({ ended_at, accepted_at }: Candidate, { endedBefore }: PruneBounds): boolean {
  return ended_at >= endedBefore && (accepted_at ?? 0) >= endedBefore
}

function isOld(row: Candidate, bounds: PruneBounds): boolean {
  return untilOld(row, bounds) < 0
}

/** How far the bounds have to move until it has had its time; below 0 when it has. */
function untilOld({ ending, ended_at }: Candidate, { endedBefore, attentionBefore }: PruneBounds): number {
  const word = endingOf(ending)
  return ended_at - (word !== undefined && FOR_PEOPLE.has(word) ? attentionBefore : endedBefore)
}

function soonestOf(rows: readonly Candidate[], bounds: PruneBounds): number | null {
  const times = rows.map((row) => untilOld(row, bounds)).filter((by) => by >= 0)
  return times.length === 0 ? null : Math.min(...times)
}

/** Those that are old and that nothing else needs. Parents come before their children, which go with them. */
function forgettable(
  rows: readonly Candidate[],
  bounds: PruneBounds,
  isNeeded: (row: Candidate, gone: ReadonlySet<number>) => boolean,
): readonly Candidate[] {
  const gone = new Set<number>()
  return rows.filter((row) => {
    const goes = isOld(row, bounds) && !isNeeded(row, gone)
    if (goes) gone.add(row.seq)
    return goes
  })
}

/** Answers whether a message has open children, or a parent that stays. */
function needFinder(db: DatabaseSync): (row: Candidate, gone: ReadonlySet<number>) => boolean {
  const openChildren = db.prepare('SELECT 1 FROM families WHERE parent = ? LIMIT 1')
  const message = db.prepare('SELECT 1 FROM messages WHERE seq = ?')
  return ({ seq, parent_seq: parent }, gone) =>
    openChildren.get(seq) !== undefined ||
    (parent !== null && !gone.has(parent) && message.get(parent) !== undefined)
}

/** Places that follow one another, as first and last. */
function stretches(rows: readonly { readonly seq: number }[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = []
  for (const { seq } of rows) {
    const last = found.at(-1)
    if (last !== undefined && last[1] === seq - 1) last[1] = seq
    else found.push([seq, seq])
  }
  return found
}

function rangeRemover(db: DatabaseSync): (from: number, to: number) => void {
  const statements = ['messages', 'settlements', 'records', 'bodies'].map((table) =>
    db.prepare(`DELETE FROM ${table} WHERE seq >= ? AND seq <= ?`),
  )
  return (from, to) => {
    for (const statement of statements) statement.run(from, to)
  }
}

/** Forgets state and dedupe keys whose time has come; answers how many. */
function expirer(db: DatabaseSync): (now: number, limit: number) => number {
  const statements = ['state', 'seen'].map((table) =>
    db.prepare(
      `DELETE FROM ${table} WHERE (scope, key) IN ` +
        `(SELECT scope, key FROM ${table} WHERE until IS NOT NULL AND until <= ? ORDER BY until LIMIT ?)`,
    ),
  )
  return (now, limit) =>
    statements.reduce((sum, statement) => sum + Number(statement.run(now, limit).changes), 0)
}

function expiryFinder(db: DatabaseSync): (now: number) => boolean {
  const statements = ['state', 'seen'].map((table) =>
    db.prepare(`SELECT 1 FROM ${table} WHERE until IS NOT NULL AND until <= ? LIMIT 1`),
  )
  return (now) => statements.some((statement) => statement.get(now) !== undefined)
}
