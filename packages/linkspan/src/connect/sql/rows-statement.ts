import { LinkspanError } from '../../model/errors.ts'
import type { Dialect } from './dialect.ts'
import { render, type Sql, type SqlValue, type Statement, sql } from './sql.ts'

/** A row to be written, by the names of its columns; a column that is undefined is left to the database. */
export type RowInput = Readonly<Record<string, SqlValue | undefined>>

/** What becomes of rows that are there already. */
export type Conflict =
  | { readonly kind: 'fail' }
  | { readonly kind: 'passOver' }
  /** `update` says which columns; without it, all that are given but the key's. */
  | { readonly kind: 'overwrite'; readonly key: readonly string[]; readonly update?: readonly string[] }

/** Where and how rows are written. */
export interface Target {
  readonly table: string
  readonly conflict: Conflict
}

/** Rows that one statement can write: of the same columns, none of them twice. */
interface Chunk {
  readonly columns: readonly string[]
  readonly rows: RowInput[]
  readonly keys: Set<string>
}

/** The statements that write rows, in their order; as few as can be. */
export function rowsStatements(
  dialect: Dialect,
  target: Target,
  rows: readonly RowInput[],
): readonly Statement[] {
  return chunksOf(dialect, target, rows).map((chunk) => statementFor(dialect, target, chunk))
}

function chunksOf(
  dialect: Dialect,
  { table, conflict }: Target,
  rows: readonly RowInput[],
): readonly Chunk[] {
  const chunks: Chunk[] = []
  for (const row of rows) {
    const columns = columnsOf(table, row)
    const key = conflict.kind === 'overwrite' ? keyOf(table, row, conflict.key) : null
    const last = chunks.at(-1)
    const fits =
      last !== undefined &&
      sameColumns(last.columns, columns) &&
      (last.rows.length + 1) * columns.length <= dialect.mostValues &&
      // One statement does not change a row twice (PostgreSQL refuses it), and the later one counts.
      (key === null || !last.keys.has(key))
    const chunk = fits ? last : { columns, rows: [], keys: new Set<string>() }
    if (!fits) chunks.push(chunk)
    chunk.rows.push(row)
    if (key !== null) chunk.keys.add(key)
  }
  return chunks
}

function columnsOf(table: string, row: RowInput): readonly string[] {
  const columns = Object.keys(row).filter((name) => row[name] !== undefined)
  if (columns.length > 0) return columns
  throw new LinkspanError('CALL_REJECTED', `A row for the table "${table}" has no columns.`)
}

function sameColumns(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, at) => name === other[at])
}

function keyOf(table: string, row: RowInput, key: readonly string[]): string {
  const missing = key.find((name) => row[name] === undefined)
  if (missing === undefined) return JSON.stringify(key.map((name) => String(row[name])))
  throw new LinkspanError(
    'CALL_REJECTED',
    `A row for the table "${table}" has no "${missing}", by which rows that are there are known.`,
  )
}

function statementFor(dialect: Dialect, { table, conflict }: Target, { columns, rows }: Chunk): Statement {
  const names = sql.join(columns.map(sql.column))
  const values = sql.join(rows.map((row) => sql`(${sql.list(columns.map((name) => row[name] as SqlValue))})`))
  const tail = tailFor(dialect, conflict, columns)
  return render(sql`insert into ${sql.name(table)} (${names}) values ${values}${tail}`, dialect)
}

function tailFor(dialect: Dialect, conflict: Conflict, columns: readonly string[]): Sql {
  const quote = (name: string): string => dialect.quote(name)
  if (conflict.kind === 'fail') return sql``
  const changed =
    conflict.kind === 'passOver'
      ? []
      : (conflict.update ?? columns).filter((name) => columns.includes(name) && !conflict.key.includes(name))
  if (conflict.kind === 'passOver' || changed.length === 0)
    return sql.raw(` ${dialect.passOver(columns.map(quote))}`)
  return sql.raw(` ${dialect.overwrite(conflict.key.map(quote), changed.map(quote))}`)
}
