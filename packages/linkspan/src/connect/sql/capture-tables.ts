import type { Ask } from './asking.ts'
import { cannotCapture } from './capture-error.ts'
import type { CaptureSettings } from './capture-options.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { render, sql } from './sql.ts'

/** A table as the catalog has it. */
export interface CapturedTable {
  /** With its schema: `public.orders`. */
  readonly name: string
  readonly schema: string
  readonly table: string
  /** Those that are stored: what is generated is not in the log. */
  readonly columns: readonly string[]
  /** The columns of the primary key, in its order. */
  readonly key: readonly string[]
}

const DESCRIPTION = sql`n.nspname as schema, c.relname as table,
  array(select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) as columns,
  array(select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary order by array_position(i.indkey::int2[], a.attnum)) as key
  from pg_class c join pg_namespace n on n.oid = c.relnamespace`

/** The tables of a source, as they are in the database. */
export async function capturedTables(ask: Ask, settings: CaptureSettings): Promise<readonly CapturedTable[]> {
  const found: CapturedTable[] = []
  for (const name of settings.tables) {
    const quoted = render(sql.name(name), postgresDialect).text
    const [row] = await ask(
      sql`select ${DESCRIPTION} where c.oid = to_regclass(${quoted}) and c.relkind in ('r', 'p')`,
    )
    if (row === undefined)
      throw cannotCapture(
        settings,
        `there is no table "${name}" in the database. Say its schema too: 'sales.orders'.`,
      )
    found.push(tableOf(row))
  }
  return found
}

/** The columns of a table's primary key; none where it has none, or is gone. */
export async function keyOf(ask: Ask, id: number): Promise<readonly string[]> {
  const [row] = await ask(sql`select ${DESCRIPTION} where c.oid = ${id}`)
  return row === undefined ? [] : tableOf(row).key
}

function tableOf(row: Readonly<Record<string, unknown>>): CapturedTable {
  const { schema, table, columns, key } = row as Omit<CapturedTable, 'name'>
  return { name: `${schema}.${table}`, schema, table, columns, key }
}
