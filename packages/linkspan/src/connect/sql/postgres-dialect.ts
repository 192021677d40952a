import type { Dialect, Failure } from './dialect.ts'
import { isBroken } from './is-broken.ts'

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The SQL of PostgreSQL, from version 13 on. */
export const postgresDialect: Dialect = {
  name: 'postgres',
  begin: 'begin',
  mostValues: 65_535,
  nowMs: '(extract(epoch from clock_timestamp()) * 1000)::bigint',
  now: 'clock_timestamp()',
  placeholder: (nth) => `$${nth}`,
  quote,
  exact: (column) => `${column}::text`,
  exactPlaceholder: (placeholder) => placeholder,
  passOver: () => 'on conflict do nothing',
  overwrite: (key, columns) =>
    `on conflict (${key.join(', ')}) do update set ${columns.map((each) => `${each} = excluded.${each}`).join(', ')}`,
  inboxTable: (table) => [
    `create table if not exists ${table} (mark text primary key, result text, expires bigint not null)`,
    `create index if not exists ${indexOf(table, 'expires')} on ${table} (expires)`,
  ],
  outboxTable: (table) => [
    `create table if not exists ${table} (id bigint generated always as identity primary key, topic text not null default '', message_key text, headers text, body text not null)`,
    `create index if not exists ${indexOf(table, 'topic')} on ${table} (topic, id)`,
  ],
  failureOf,
}

/** The name of an index is that of its table, without the schema, in which it lies anyway. */
function indexOf(table: string, column: string): string {
  const last = /"(?:[^"]|"")*"$/.exec(table)?.[0] ?? table
  return quote(`${last.slice(1, -1).replaceAll('""', '"')}_${column}`)
}

const BY_STATE: Readonly<Record<string, Failure['kind']>> = {
  '25006': 'busy',
  '3D000': 'refused',
  '40003': 'lost',
  '54000': 'rejected',
  '55000': 'other',
  '57014': 'conflict',
  '57P03': 'busy',
}

/** Classes of SQLSTATE, by the table in appendix A of PostgreSQL's manual. */
const BY_CLASS: Readonly<Record<string, Failure['kind']>> = {
  '08': 'lost',
  '0A': 'rejected',
  '21': 'rejected',
  '22': 'rejected',
  '23': 'rejected',
  '28': 'refused',
  '3F': 'rejected',
  '40': 'conflict',
  '42': 'rejected',
  '44': 'rejected',
  '53': 'busy',
  '54': 'rejected',
  '55': 'conflict',
  '57': 'lost',
  P0: 'rejected',
}

/** What the client says without a code when a connection breaks or does not come about. */
const LOST =
  /^(?:Connection terminated|Query read timeout|timeout e|Client has encountered a connection error|Client was closed|Connection ended|server closed|socket|Cannot use a pool after|The server does not support SSL)/i

function failureOf(thrown: unknown): Failure | null {
  const { code, severity, constraint, message } = thrown as Readonly<Record<string, unknown>>
  if (typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code))
    return {
      kind: BY_STATE[code] ?? BY_CLASS[code.slice(0, 2)] ?? 'other',
      state: code,
      ...(typeof constraint === 'string' ? { constraint } : {}),
    }
  if (isBroken(thrown) || (typeof message === 'string' && LOST.test(message)))
    return { kind: 'lost', state: null }
  return null
}
