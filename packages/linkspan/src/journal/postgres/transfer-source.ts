import type { Headers } from '../../model/message.ts'
import { rootId } from '../../model/message-id.ts'
import { endingOf } from '../codes.ts'
import type {
  Cursor,
  Grant,
  MovedCell,
  MovedDedupeKey,
  MovedMessage,
  Name,
  Settlement,
  SourceFacts,
  TransferCounts,
  TransferSource,
} from '../journal.ts'
import { cutToPage } from '../transfer-errors.ts'
import type { Link } from './link.ts'
import { type WaitRow, waitOf } from './message-reader.ts'
import { createNames, digestOf, type Names } from './names.ts'
import { journalError, rowDamaged } from './postgres-error.ts'
import { type Ask, MIGRATIONS, readFacts, refuseStrangers } from './schema.ts'
import { fromNullable, fromText } from './text.ts'
import { inUseBy, type TransferPlace } from './transfer-place.ts'

/** Opens a journal to read all of it, on a connection of its own. */
export async function openTransferSource(
  link: Link,
  { schema, place, noJournal }: TransferPlace,
): Promise<TransferSource> {
  const ask = rowsOn(link, place)
  const facts = await readFacts(ask as Ask, schema)
  refuseStrangers(facts, place)
  if (facts.version < MIGRATIONS.length) throw noJournal(facts.version)
  const names = createNames(ask as Ask, schema)
  const source: TransferSource = {
    name: `postgres ${place}`,
    facts: () => factsOf(ask, schema, place),
    messages: async (after, limit) => readMessages(ask, schema, place, names, after, limit),
    cells: async (after, limit) => readCells(ask, schema, after, limit),
    dedupeKeys: async (after, limit) => readDedupeKeys(ask, schema, after, limit),
    cursors: async () => readCursors(ask, schema),
    orphans: async () => readOrphans(ask, schema),
    close: () => link.drop(),
  }
  await source.facts()
  return source
}

type Rows = <Row>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

function rowsOn(link: Link, place: string): Rows {
  return async <Row>(text: string, values: readonly unknown[] = []) => {
    try {
      return (await link.ask({ text, values })) as readonly unknown[] as readonly Row[]
    } catch (error) {
      throw journalError(error, place, 'Reading')
    }
  }
}

interface FactsRow {
  readonly journal: string
  readonly version: string
  readonly lastSeq: number
  readonly owner: string | null
}

/** Each engine that opens the journal becomes a member, so another one shows, even if it committed nothing. */
async function factsOf(ask: Rows, schema: string, place: string): Promise<SourceFacts> {
  const [row] = await ask<FactsRow>(`
    SELECT h.journal::text AS journal, h.last_seq AS "lastSeq",
      concat_ws(' ', (SELECT max(m.id) FROM ${schema}.members m), (SELECT sum(m.commits) FROM ${schema}.members m)) AS version,
      (SELECT string_agg(m.name, ', ') FROM ${schema}.members m
        WHERE NOT m.fenced AND NOT m.closed AND m.lease_until > clock_timestamp()) AS owner
    FROM ${schema}.head h`)
  if (row === undefined) throw rowDamaged(place, 'the head', 'it is missing')
  const { owner, ...facts } = row
  if (owner !== null) throw inUseBy(owner, place)
  return { ...facts, counts: await countAll(ask, schema) }
}

/** Of those that own something and have not closed it none lives, or nothing could be copied. */
async function readOrphans(ask: Rows, schema: string): Promise<readonly Grant[]> {
  const rows = await ask<{ partition: number; member: number; up_to: number }>(`
    SELECT p.partition, coalesce(p.died_member, p.owner) AS member, h.last_seq AS up_to
    FROM ${schema}.head h, ${schema}.partitions p LEFT JOIN ${schema}.members m ON m.id = p.owner
    WHERE p.died_member IS NOT NULL OR NOT m.closed ORDER BY p.partition`)
  return rows.map(({ partition, member, up_to: upTo }) => ({ partition, died: { member, upTo } }))
}

/** How many there are of what is copied. */
export async function countAll(ask: Rows, schema: string): Promise<TransferCounts> {
  const [row] = await ask<TransferCounts>(`
    SELECT (SELECT count(*) FROM ${schema}.messages) AS messages, (SELECT count(*) FROM ${schema}.state) AS cells,
      (SELECT count(*) FROM ${schema}.seen) AS "dedupeKeys", (SELECT count(*) FROM ${schema}.cursors) AS cursors`)
  return row as TransferCounts
}

interface MessageRow {
  readonly seq: number
  readonly flow: number
  readonly key: string | null
  readonly token: string
  readonly accepted_at: number
  readonly code_version: number
  readonly headers: string
  readonly parent_seq: number | null
  readonly parent_id: string
  readonly parent_path: string
  readonly parent_index: number
  readonly partition: number
  readonly body: Uint8Array
  readonly fields: string | null
  readonly ns: readonly number[]
  readonly frames: readonly Uint8Array[]
}

interface EndingRow {
  readonly seq: number
  readonly ending: number
  readonly ended_at: number
  readonly attempt: number
  readonly n: number
  readonly reason: string
  readonly frame: Uint8Array | null
}

const MESSAGES = (schema: string): string => `
  SELECT m.seq, m.flow, m.key, m.token, m.accepted_at, m.code_version, m.headers, m.parent_seq, m.parent_id,
    m.parent_path, m.parent_index, m.partition, m.body,
    (SELECT json_object_agg(i.field, i.value ORDER BY i.field)::text FROM ${schema}.message_index i WHERE i.seq = m.seq) AS fields,
    ARRAY(SELECT r.n::bigint FROM ${schema}.records r WHERE r.seq = m.seq ORDER BY r.n) AS ns,
    ARRAY(SELECT r.frame FROM ${schema}.records r WHERE r.seq = m.seq ORDER BY r.n) AS frames
  FROM ${schema}.messages m WHERE m.seq > $1 AND m.seq <= $2 ORDER BY m.seq`

async function readMessages(
  ask: Rows,
  schema: string,
  place: string,
  names: Names,
  after: number,
  limit: number,
): Promise<readonly MovedMessage[]> {
  const places = await ask<{ seq: number; size: number }>(
    `SELECT seq, size FROM ${schema}.messages WHERE seq > $1 ORDER BY seq LIMIT $2`,
    [after, limit],
  )
  const last = cutToPage(places).at(-1)?.seq
  if (last === undefined) return []
  const span = [after, last]
  const within = 'WHERE seq > $1 AND seq <= $2'
  const rows = await ask<MessageRow>(MESSAGES(schema), span)
  const ended = await ask<EndingRow>(`SELECT * FROM ${schema}.settlements ${within}`, span)
  const waiting = await ask<WaitRow>(`SELECT * FROM ${schema}.waits ${within}`, span)
  await names.learn([
    ...rows.flatMap(({ flow, code_version }) => [flow, code_version]),
    ...waiting.map(({ flow }) => flow),
  ])
  const nameOf = (code: number): string => {
    const name = names.nameOf(code)
    if (name === undefined) throw rowDamaged(place, `name ${code}`, 'it is missing')
    return name
  }
  const endings = new Map(ended.map((row) => [row.seq, endingOfRow(row, place)]))
  const waits = new Map(waiting.map((row) => [row.seq, waitOf(row, nameOf(row.flow))]))
  return rows.map((row) => ({
    ...messageOf(row, nameOf),
    wait: waits.get(row.seq) ?? null,
    ending: endings.get(row.seq) ?? null,
  }))
}

function messageOf(row: MessageRow, nameOf: (code: number) => string): Omit<MovedMessage, 'wait' | 'ending'> {
  const { seq, body, ns, frames, parent_seq: parent } = row
  return {
    seq,
    flow: nameOf(row.flow),
    key: fromNullable(row.key),
    token: fromText(row.token),
    acceptedAt: row.accepted_at,
    codeVersion: nameOf(row.code_version),
    headers: JSON.parse(row.headers) as Headers,
    body,
    index: row.fields === null ? null : fieldsOf(row.fields),
    parent:
      parent === null
        ? null
        : {
            seq: parent,
            id: fromText(row.parent_id),
            path: fromText(row.parent_path),
            index: row.parent_index,
          },
    partition: row.partition,
    records: ns.map((n, at) => ({ n, frame: frames[at] as Uint8Array })),
  }
}

function fieldsOf(text: string): Readonly<Record<string, string>> {
  const stored = Object.entries(JSON.parse(text) as Record<string, string>)
  return Object.fromEntries(stored.map(([field, value]) => [fromText(field), fromText(value)]))
}

function endingOfRow(row: EndingRow, place: string): Settlement {
  const { seq, ended_at: endedAt, attempt, n, reason, frame } = row
  const ending = endingOf(row.ending)
  if (ending === undefined)
    throw rowDamaged(place, `the ending of message ${seq}`, `there is no ending ${row.ending}`)
  return { seq, ending, endedAt, attempt, n, reason: fromText(reason), frame }
}

/** Rows that are found by scope and key lie in the order of the digest of these. */
const NEXT = 'WHERE ($1::uuid IS NULL OR id > $1::uuid) ORDER BY id LIMIT $2'

function digestAfter(after: Name | null): string | null {
  return after === null ? null : digestOf(after.scope, after.key).toString('hex')
}

async function readCells(
  ask: Rows,
  schema: string,
  after: Name | null,
  limit: number,
): Promise<readonly MovedCell[]> {
  const text = `SELECT scope, key, value, until FROM ${schema}.state ${NEXT}`
  const rows = await ask<MovedCell>(text, [digestAfter(after), limit])
  return rows.map(({ scope, key, value, until }) => ({
    scope: fromText(scope),
    key: fromText(key),
    value,
    until,
  }))
}

interface KeyRow {
  readonly scope: string
  readonly key: string
  readonly seq: number
  readonly until: number
  readonly token: string
  readonly child: string | null
}

async function readDedupeKeys(
  ask: Rows,
  schema: string,
  after: Name | null,
  limit: number,
): Promise<readonly MovedDedupeKey[]> {
  const text = `SELECT scope, key, seq, until, token, child FROM ${schema}.seen ${NEXT}`
  const rows = await ask<KeyRow>(text, [digestAfter(after), limit])
  return rows.map(({ scope, key, seq, until, token, child }) => ({
    scope: fromText(scope),
    key: fromText(key),
    seq,
    until,
    id: child === null ? rootId(seq, fromText(token)) : fromText(child),
  }))
}

async function readCursors(ask: Rows, schema: string): Promise<readonly Cursor[]> {
  const rows = await ask<Cursor>(`SELECT name, value FROM ${schema}.cursors ORDER BY name`)
  return rows.map(({ name, value }) => ({ name: fromText(name), value: fromText(value) }))
}
