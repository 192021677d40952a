import type { Dialect, Failure } from './dialect.ts'

/** The SQL of SQLite, from version 3.42 on. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  // A transaction that begins with reading cannot be made one that writes when another one wrote meanwhile.
  begin: 'begin immediate',
  mostValues: 32_766,
  nowMs: "cast(unixepoch('subsec') * 1000 as integer)",
  now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
  placeholder: () => '?',
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  exact: (column) => column,
  exactPlaceholder: (placeholder) => placeholder,
  passOver: () => 'on conflict do nothing',
  overwrite: (key, columns) =>
    `on conflict (${key.join(', ')}) do update set ${columns.map((each) => `${each} = excluded.${each}`).join(', ')}`,
  inboxTable: (table) => [
    `create table if not exists ${table} (mark text primary key, result text, expires integer not null) without rowid`,
  ],
  outboxTable: (table) => [
    `create table if not exists ${table} (id integer primary key autoincrement, topic text not null default '', message_key text, headers text, body text not null)`,
  ],
  failureOf,
}

/** Primary result codes. */
const KINDS: Readonly<Record<number, Failure['kind']>> = {
  1: 'rejected',
  3: 'rejected',
  5: 'conflict',
  6: 'conflict',
  7: 'busy',
  8: 'rejected',
  9: 'conflict',
  10: 'other',
  11: 'rejected',
  12: 'rejected',
  13: 'busy',
  14: 'busy',
  17: 'conflict',
  18: 'rejected',
  19: 'rejected',
  20: 'rejected',
  23: 'rejected',
  25: 'rejected',
  26: 'rejected',
}

function failureOf(thrown: unknown): Failure | null {
  const { code, errcode } = thrown as Readonly<Record<string, unknown>>
  if (typeof errcode === 'number') return { kind: KINDS[errcode & 0xff] ?? 'other', state: String(errcode) }
  if (code === 'ERR_INVALID_STATE') return { kind: 'lost', state: null }
  if (code === 'ERR_INVALID_ARG_TYPE' || code === 'ERR_OUT_OF_RANGE' || code === 'ERR_INVALID_ARG_VALUE')
    return { kind: 'rejected', state: null }
  return null
}
