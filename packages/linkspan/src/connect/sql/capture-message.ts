import type { Json } from '../../model/message.ts'
import type { Incoming } from '../connector.ts'
import type { Captured, CapturedOperation } from './capture-options.ts'
import type { OldTuple, Relation, RowChange, Tuple } from './pgoutput.ts'
import { postgresParser } from './postgres-types.ts'
import { plainRow, type Row } from './row.ts'

/** Where a change lies, and whose it is. */
export interface ChangePlace {
  /** The server and the database. */
  readonly system: string
  readonly lsn: string
  readonly index: number
  readonly transaction: number
  readonly committedAt: string
}

/** A change of one table. */
export type TableChange = Exclude<RowChange, { readonly kind: 'truncate' }> | { readonly kind: 'truncate' }

/** A key that was changed makes two of one: the row is gone under the old key, and new under the other. */
export function changeMessages(
  change: TableChange,
  relation: Relation,
  key: readonly string[],
  place: ChangePlace,
): readonly Incoming[] {
  const make = (body: Made, suffix = ''): Incoming => message(body, relation, key, place, suffix)
  try {
    if (
      change.kind === 'update' &&
      change.old !== null &&
      keyMoved(relation, key, change.old.values, change.row)
    ) {
      const old = oldRow(relation, change.old)
      return [make({ operation: 'delete', row: null, old }, ':old'), make(inserted(relation, change))]
    }
    return [make(madeOf(change, relation))]
  } catch (error) {
    return [unreadable(change, relation, place, error as Error)]
  }
}

/** A row of the snapshot. */
export function readMessage(
  table: string,
  row: Row,
  key: readonly Json[],
  lsn: string,
  system: string,
): Incoming {
  const place = { table, lsn, index: 0, transaction: null, committedAt: null }
  const known = keyText(table, key)
  return {
    body: { operation: 'read', ...place, row, old: null },
    key: known,
    dedupeKey: `${system}/${lsn}/${known}`,
  }
}

type Made = Pick<Captured<Row>, 'row' | 'old'> & {
  readonly operation: CapturedOperation
  readonly unchanged?: readonly string[]
}

function madeOf(change: TableChange, relation: Relation): Made {
  switch (change.kind) {
    case 'insert':
      return { operation: 'insert', row: rowOf(relation, change.row), old: null }
    case 'update':
      return updated(relation, change)
    case 'delete':
      return { operation: 'delete', row: null, old: oldRow(relation, change.old) }
    case 'truncate':
      return { operation: 'truncate', row: null, old: null }
  }
}

type Update = Extract<RowChange, { readonly kind: 'update' }>

function updated(relation: Relation, { row, old }: Update): Made {
  const values = filled(row, old)
  return {
    operation: 'update',
    row: rowOf(relation, values),
    old: old?.whole ? rowOf(relation, old.values) : null,
    unchanged: unsent(relation, values),
  }
}

function inserted(relation: Relation, { row, old }: Update): Made {
  const values = filled(row, old)
  const missing = unsent(relation, values)
  const made = { operation: 'insert', row: rowOf(relation, values), old: null } as const
  return missing.length === 0 ? made : { ...made, unchanged: missing }
}

/** A large value that did not change is not sent again; the row before it may have it. */
function filled(row: Tuple, old: OldTuple | null): Tuple {
  return row.map((value, at) => (value === undefined && old?.whole ? old.values[at] : value))
}

function unsent({ columns }: Relation, values: Tuple): readonly string[] {
  return columns.filter((_column, at) => values[at] === undefined).map(({ name }) => name)
}

function rowOf({ columns }: Relation, values: Tuple): Row {
  const read: Record<string, unknown> = {}
  columns.forEach(({ name, type }, at) => {
    const value = values[at]
    if (value !== undefined) read[name] = value === null ? null : postgresParser(type)(value)
  })
  return plainRow(read)
}

/** Of a replica identity that is not the whole row, the other columns are sent as null, which they need not be. */
function oldRow(relation: Relation, { whole, values }: OldTuple): Row {
  return rowOf(
    relation,
    values.map((value, at) => (whole || relation.columns[at]?.identity ? value : undefined)),
  )
}

/** Which columns say whose row it is; those that the server knows rows by, where there is no primary key. */
function keyColumns({ columns }: Relation, key: readonly string[]): readonly number[] {
  if (key.length > 0) return key.map((name) => columns.findIndex((column) => column.name === name))
  const identity = columns.flatMap(({ identity }, at) => (identity ? [at] : []))
  // All columns say nothing of whose row it is: then the table is one, and its changes stay in their order.
  return identity.length === columns.length ? [] : identity
}

function keyMoved(relation: Relation, key: readonly string[], old: Tuple, row: Tuple): boolean {
  return keyColumns(relation, key).some((at) => row[at] !== undefined && old[at] !== row[at])
}

function keyText(table: string, key: readonly (Json | undefined)[]): string {
  return key.length === 0 ? table : `${table}:${JSON.stringify(key.map((value) => value ?? null))}`
}

function message(
  { operation, row, old, unchanged }: Made,
  relation: Relation,
  key: readonly string[],
  { system, lsn, index, transaction, committedAt }: ChangePlace,
  suffix: string,
): Incoming {
  const table = `${relation.schema}.${relation.table}`
  const more = unchanged === undefined ? {} : { unchanged }
  const body = { operation, table, lsn, index, transaction, committedAt, row, old, ...more }
  const whose = row ?? old
  const names = keyColumns(relation, key).map((at) => relation.columns[at]?.name ?? '')
  const values = whose === null ? [] : names.map((name) => whose[name])
  return { body, key: keyText(table, values), dedupeKey: `${system}/${lsn}/${index}${suffix}` }
}

function unreadable(
  change: TableChange,
  relation: Relation,
  { system, lsn, index }: ChangePlace,
  error: Error,
): Incoming {
  const table = `${relation.schema}.${relation.table}`
  return {
    body: { table, lsn, index, values: JSON.parse(JSON.stringify(change)) as Json },
    key: table,
    dedupeKey: `${system}/${lsn}/${index}`,
    unreadable: `a change of ${table} at ${lsn} cannot be read: ${error.message}`,
  }
}
