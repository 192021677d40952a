import { endingSlots } from '../codes.ts'
import { ENVELOPE_HEADER, ENVELOPE_VERSION, open } from '../envelope.ts'
import type { Damage, HistoryReader } from '../journal.ts'
import type { Row } from './client.ts'
import type { Reading } from './reading.ts'
import { fromText } from './text.ts'

/** More than this is not listed: the journal is lost, not hurt. */
const MOST = 1000
const STRIDE = 500

type Report = (where: string, what: string) => void

/** Rows that are gone through, a stretch at a time. */
interface Check {
  readonly table: string
  readonly columns: string
  /** The columns that order the rows, in which the next stretch begins after the last row. */
  readonly order: readonly string[]
  readonly types: readonly string[]
  readonly check: (row: Row, report: Report) => void
}

/**
 * Reads everything in a journal and lists what cannot be trusted. PostgreSQL checks its own pages as they are read; each
 * body, frame and cell that is in an envelope is opened at its place; and the tables must fit together.
 */
export function createVerify(reading: Reading): HistoryReader['verify'] {
  return async (progress) => {
    const damage: Damage[] = []
    const report: Report = (where, what) => {
      if (damage.length < MOST) damage.push({ where, what })
    }
    const guarded = async (where: string, run: () => Promise<void>): Promise<void> => {
      try {
        await run()
      } catch (error) {
        report(where, error instanceof Error ? error.message : String(error))
      }
    }
    let total = 0
    for (const { table } of CHECKS) total += await countOf(reading, table).catch(() => 0)
    let done = 0
    for (const check of CHECKS)
      await guarded(check.table, () =>
        walk(reading, check, report, (rows) => {
          done += rows
          progress(done, Math.max(total, done))
        }),
      )
    await guarded('tables', () => checkTables(reading, report))
    progress(done, done)
    return damage
  }
}

async function countOf({ look, schema }: Reading, table: string): Promise<number> {
  const [row] = await look(`SELECT count(*) AS n FROM ${schema}.${table}`)
  return row?.['n'] as number
}

async function walk(
  { look, schema }: Reading,
  { table, columns, order, types, check }: Check,
  report: Report,
  passed: (rows: number) => void,
): Promise<void> {
  const after = order.map((_column, at) => `$${at + 1}::${types[at]}`).join(', ')
  const next = `(${order.join(', ')}) > (${after})`
  const text = (where: string): string =>
    `SELECT ${columns} FROM ${schema}.${table} ${where} ORDER BY ${order.join(', ')} LIMIT ${STRIDE}`
  let last: readonly unknown[] | null = null
  for (;;) {
    const rows: readonly Row[] =
      last === null ? await look(text('')) : await look(text(`WHERE ${next}`), ...last)
    for (const row of rows) check(row, report)
    passed(rows.length)
    if (rows.length < STRIDE) return
    last = order.map((column) => rows.at(-1)?.[column])
  }
}

/** The places of envelopes, as the engine binds them to what they hold. */
const places = {
  body: (row: Row): string => {
    const { parent_id: id, parent_path: path, parent_index: index, token } = row
    return id === null
      ? `b:${fromText(token as string)}`
      : `b:${fromText(id as string)}:${fromText(path as string)}:${index}`
  },
  frame: ({ seq, n }: Row): string => `r:${seq}:${n}`,
  cell: ({ scope, key }: Row): string => `s:${fromText(scope as string)}:${fromText(key as string)}`,
} as const

const CHECKS: readonly Check[] = [
  {
    table: 'messages',
    columns: 'seq, token, headers, parent_seq, parent_id, parent_path, parent_index, size, body',
    order: ['seq'],
    types: ['bigint'],
    check: (row, report) => {
      const where = `message ${row['seq']}`
      const body = row['body'] as Uint8Array
      if (body.byteLength !== row['size'])
        report(where, `its body has ${body.byteLength} bytes, not ${row['size']}`)
      checkEnvelope(body, places.body(row), where, report)
      checkHeaders(row['headers'] as string, where, report)
    },
  },
  {
    table: 'records',
    columns: 'seq, n, frame',
    order: ['seq', 'n'],
    types: ['bigint', 'integer'],
    check: (row, report) =>
      checkEnvelope(row['frame'] as Uint8Array, places.frame(row), `record of message ${row['seq']}`, report),
  },
  {
    table: 'settlements',
    columns: 'seq, n, frame',
    order: ['seq'],
    types: ['bigint'],
    check: (row, report) =>
      checkEnvelope(
        row['frame'] as Uint8Array | null,
        places.frame(row),
        `ending of message ${row['seq']}`,
        report,
      ),
  },
  {
    table: 'state',
    columns: 'id, scope, key, value',
    order: ['id'],
    types: ['uuid'],
    check: (row, report) =>
      checkEnvelope(
        row['value'] as Uint8Array,
        places.cell(row),
        `state "${row['key']}" of "${row['scope']}"`,
        report,
      ),
  },
]

function checkHeaders(text: string, where: string, report: Report): void {
  try {
    JSON.parse(text)
  } catch {
    report(where, 'its headers are not JSON')
  }
}

/** What has no envelope is not ours to judge. */
function checkEnvelope(bytes: Uint8Array | null, place: string, where: string, report: Report): void {
  if (bytes === null || bytes.byteLength < ENVELOPE_HEADER || bytes[0] !== ENVELOPE_VERSION) return
  if ((bytes[1] as number) > 1 || bytes[2] !== 0 || bytes[3] !== 0) return
  try {
    open(bytes, place)
  } catch (error) {
    report(where, (error as Error).message)
  }
}

/** What must fit together: per row, then by the counts. Each is one statement, so that commits meanwhile change nothing. */
async function checkTables(reading: Reading, report: Report): Promise<void> {
  const { look, schema } = reading
  for (const [query, what] of misfits(schema))
    for (const { seq } of await look(`${query} LIMIT ${MOST}`)) report(`message ${seq}`, what)
  for (const { code } of await look(missingNames(schema)))
    report(`name ${code}`, 'it is missing, and messages refer to it')
  for (const { what, counted, found } of await look(countsSql(schema), endingSlots))
    if (counted !== found) report(what as string, `${counted} were counted, ${found} are there`)
}

const misfits = (schema: string): readonly (readonly [string, string])[] => {
  const without = (table: string, column = 'seq'): string =>
    `SELECT t.${column} AS seq FROM ${schema}.${table} t
     WHERE NOT EXISTS (SELECT FROM ${schema}.messages m WHERE m.seq = t.${column})`
  return [
    [without('settlements'), 'it ended, but is missing'],
    [without('waits'), 'it waits, but is missing'],
    // One that ended may be forgotten, and a child of it that waits for a person be sent again after that.
    [
      `${without('families', 'parent')} AND t.parent >= ${schema}.bound_1()`,
      'its children are open, but it is missing',
    ],
    [
      `SELECT w.seq FROM ${schema}.waits w JOIN ${schema}.settlements s ON s.seq = w.seq`,
      'it waits, although it ended',
    ],
    [
      `SELECT m.seq FROM ${schema}.messages m, ${schema}.head h WHERE m.seq > h.last_seq`,
      'its place was not given yet',
    ],
    [
      `SELECT m.seq FROM ${schema}.messages m WHERE m.seq < (SELECT ${schema}.bound_1())
         AND NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = m.seq)
         AND NOT EXISTS (SELECT FROM ${schema}.waits w WHERE w.seq = m.seq)`,
      'it neither waits nor ended, and lies below the low water',
    ],
  ]
}

const missingNames = (schema: string): string => `
  SELECT u.code FROM (
    SELECT flow AS code FROM ${schema}.messages UNION SELECT code_version FROM ${schema}.messages
    UNION SELECT flow FROM ${schema}.waits UNION SELECT flow FROM ${schema}.tallies
  ) u WHERE NOT EXISTS (SELECT FROM ${schema}.names n WHERE n.id = u.code)`

const countsSql = (schema: string): string => `
  SELECT 'endings' AS what,
    (SELECT coalesce(sum(count), 0)::bigint FROM ${schema}.tallies WHERE slot = ANY($1::smallint[])) AS counted,
    (SELECT count(*) FROM ${schema}.settlements) AS found
  UNION ALL SELECT 'waits',
    (SELECT coalesce(sum(count), 0)::bigint FROM ${schema}.tallies WHERE slot >= 16),
    (SELECT count(*) FROM ${schema}.waits)
  UNION ALL SELECT 'open children',
    (SELECT coalesce(sum(open), 0)::bigint FROM ${schema}.families),
    (SELECT count(*) FROM ${schema}.messages m WHERE m.parent_seq IS NOT NULL
       AND NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = m.seq))`
