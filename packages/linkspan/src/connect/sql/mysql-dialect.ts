import type { Dialect, Failure } from './dialect.ts'
import { isBroken } from './is-broken.ts'

/** The SQL of MySQL, from version 8, and of MariaDB, from version 10.6 on. */
export const mysqlDialect: Dialect = {
  name: 'mysql',
  begin: 'start transaction',
  mostValues: 65_535,
  nowMs: 'cast(unix_timestamp(now(3)) * 1000 as signed)',
  now: 'now(6)',
  placeholder: () => '?',
  quote: (name) => `\`${name.replaceAll('`', '``')}\``,
  exact: (column) => `cast(${column} as char)`,
  // A whole number is compared with a text as a floating point number, which is not exact and passes the index by.
  exactPlaceholder: (placeholder, value) =>
    /^-?\d{1,18}$/.test(String(value)) ? `cast(${placeholder} as signed)` : placeholder,
  passOver: ([first]) => `on duplicate key update ${first} = ${first}`,
  overwrite: (_key, columns) =>
    `on duplicate key update ${columns.map((each) => `${each} = values(${each})`).join(', ')}`,
  inboxTable: (table) => [
    `create table if not exists ${table} (mark varchar(255) character set ascii collate ascii_bin primary key, result longtext character set utf8mb4, expires bigint not null, key (expires)) engine = InnoDB`,
  ],
  outboxTable: (table) => [
    `create table if not exists ${table} (id bigint auto_increment primary key, topic varchar(255) character set utf8mb4 not null default '', message_key text character set utf8mb4, headers longtext character set utf8mb4, body longtext character set utf8mb4 not null, key (topic, id)) engine = InnoDB`,
  ],
  failureOf,
}

const BY_NUMBER: Readonly<Record<number, Failure['kind']>> = {
  1020: 'conflict', // the row was changed since it was read
  1021: 'busy', // disk full
  1037: 'busy', // out of memory
  1040: 'busy', // too many connections
  1041: 'busy',
  1044: 'refused',
  1045: 'refused',
  1049: 'refused', // no such database
  1053: 'lost', // shutting down
  1104: 'rejected',
  1114: 'busy', // table full
  1129: 'refused',
  1130: 'refused',
  1153: 'rejected', // packet larger than max_allowed_packet
  1203: 'busy',
  1205: 'conflict', // lock wait time-out
  1213: 'conflict', // deadlock
  1226: 'busy',
  1265: 'rejected',
  1290: 'busy', // read only
  1295: 'rejected',
  1298: 'rejected',
  1317: 'conflict', // interrupted
  1364: 'rejected', // no default
  1366: 'rejected',
  1526: 'rejected', // no partition
  1613: 'conflict',
  1614: 'conflict',
  1644: 'rejected', // signalled by a trigger
  1698: 'refused',
  1792: 'busy',
  1836: 'busy',
  1927: 'lost', // killed
  1969: 'conflict', // max_statement_time
  3024: 'conflict', // max_execution_time
  3572: 'conflict', // nowait
  3819: 'rejected', // check
  4025: 'rejected', // check
}

const BY_CLASS: Readonly<Record<string, Failure['kind']>> = {
  '08': 'lost',
  '21': 'rejected',
  '22': 'rejected',
  '23': 'rejected',
  '28': 'refused',
  '40': 'conflict',
  '42': 'rejected',
  '45': 'rejected',
  '70': 'conflict',
}

/** What the client says of itself. */
const LOST = /^(?:PROTOCOL_|ER_SERVER_SHUTDOWN|POOL_CLOSED|HANDSHAKE_)/
const SAID =
  /^(?:Pool is closed|Can't add new command when connection is in closed state|Connection lost|read E|write E)/

function failureOf(thrown: unknown): Failure | null {
  const { code, errno, sqlState, message, fatal } = thrown as Readonly<Record<string, unknown>>
  const number = typeof errno === 'number' && errno >= 1_000 ? errno : null
  if (number !== null) {
    const byClass = typeof sqlState === 'string' ? BY_CLASS[sqlState.slice(0, 2)] : undefined
    return { kind: BY_NUMBER[number] ?? byClass ?? 'other', state: String(number) }
  }
  const said =
    (typeof code === 'string' && LOST.test(code)) || (typeof message === 'string' && SAID.test(message))
  return said || fatal === true || isBroken(thrown) ? { kind: 'lost', state: null } : null
}
