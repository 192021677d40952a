import type { Dialect } from './dialect.ts'
import { render, sql } from './sql.ts'
import type { Run } from './sql-client.ts'
import type { Work } from './work.ts'

/** The locks of `pg_locks` that whoever writes into a table holds until its transaction ends. */
const WRITING = ['RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock']

/**
 * The transactions that may have written into a table, or its partitions, and have not ended. An insert takes its lock
 * before it takes a value from a sequence; everybody may see the locks of all.
 */
export function* holdersOf(run: Run, dialect: Dialect, table: string): Work<readonly string[]> {
  const name = render(sql.name(table), dialect).text
  const statement = sql`select distinct virtualtransaction as holder from pg_locks
    where locktype = 'relation' and granted and mode in (${sql.list(WRITING)})
      and database = (select oid from pg_database where datname = current_database())
      and (relation = to_regclass(${name}) or relation in (select relid from pg_partition_tree(to_regclass(${name}))))`
  const { rows } = yield* run(render(statement, dialect))
  return rows.map(({ holder }) => String(holder))
}
