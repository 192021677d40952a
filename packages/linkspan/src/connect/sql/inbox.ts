import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Dialect } from './dialect.ts'
import { render, type Sql, type Statement, sql } from './sql.ts'
import type { Work } from './work.ts'

/** How much longer than its key is valid a mark is kept: for calls that were sent in the last moment. */
const MARGIN_MS = 86_400_000

/**
 * The table that remembers calls. A call's mark is written in the transaction of its effect, so that both are there or
 * neither; a repeated call finds it and does nothing.
 */
export interface Inbox {
  /** The marks that are known, with what their calls answered. */
  known(marks: readonly string[]): Work<ReadonlyMap<string, Json>>
  /** Takes marks that are new; answers how many of them were. Waits for others who take one of them right now. */
  take(marks: readonly string[], validFor: Duration): Work<number>
  /** Remembers what a call answered. */
  answer(mark: string, result: Json): Work<void>
  /** Forgets some of the marks that are past their time; answers how many. */
  prune(): Work<number>
  /** The statements that make its table. */
  readonly tables: readonly string[]
}

const PRUNED_AT_ONCE = 1_000

/** The inbox in a table of a database. */
export function inboxIn(dialect: Dialect, name: string): Inbox {
  const table = sql.name(name)
  const written = (statement: Sql): Statement => render(statement, dialect)
  return {
    *known(marks) {
      const { rows } = yield written(
        sql`select mark, result from ${table} where mark in (${sql.list(marks)})`,
      )
      return new Map(rows.map(({ mark, result }) => [String(mark), resultOf(result)]))
    },
    *take(marks, validFor) {
      const { changes } = yield takeStatement(dialect, name, marks, durationMs(validFor))
      return changes
    },
    *answer(mark, result) {
      yield written(sql`update ${table} set result = ${JSON.stringify(result)} where mark = ${mark}`)
    },
    *prune() {
      // MySQL takes a limit in a subquery only below another one.
      const old = sql`select mark from ${table} where expires < ${sql.raw(dialect.nowMs)} order by expires limit ${sql.raw(String(PRUNED_AT_ONCE))}`
      const { changes } = yield written(
        sql`delete from ${table} where mark in (select mark from (${old}) as old)`,
      )
      return changes
    },
    tables: dialect.inboxTable(render(table, dialect).text),
  }
}

/** The statement that takes marks and passes over those that are known. */
export function takeStatement(
  dialect: Dialect,
  name: string,
  marks: readonly string[],
  validForMs: number,
): Statement {
  const expires = sql.raw(`${dialect.nowMs} + ${validForMs + MARGIN_MS}`)
  const rows = sql.join(marks.map((mark) => sql`(${mark}, ${expires})`))
  // `on duplicate key update` would count a known mark as one row or none, as the client is set.
  const [ignore, passOver] =
    dialect.name === 'mysql' ? [sql.raw('ignore '), sql``] : [sql``, sql.raw(` ${dialect.passOver([])}`)]
  return render(
    sql`insert ${ignore}into ${sql.name(name)} (mark, expires) values ${rows}${passOver}`,
    dialect,
  )
}

/** What a call answered; one that was not asked for its answer has none. */
function resultOf(kept: Json | undefined): Json {
  return typeof kept === 'string' ? (JSON.parse(kept) as Json) : null
}

/** Marks that were unknown a moment ago are being taken by others. */
export function takenMeanwhile(what: string): LinkspanError {
  return new LinkspanError(
    'CALL_FAILED',
    `${what} is being made a second time, while the first one is under way. It is tried again, and then finds what became of that.`,
    { retry: 'later', applied: 'unknown' },
  )
}
