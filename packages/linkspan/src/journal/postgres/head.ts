import type { Opened } from '../journal.ts'
import type { Row } from './client.ts'
import { rowDamaged } from './postgres-error.ts'
import type { Reading } from './reading.ts'
import { type Ask, MIGRATIONS, type SchemaFacts } from './schema.ts'
import { readTallies } from './tallies.ts'

interface HeadRow {
  readonly last_seq: number
  readonly low_water: number
  readonly partitions: number | null
  readonly crashed: boolean
  readonly commits: number
}

const headSql = (schema: string): string => `
  SELECT h.last_seq, ${schema}.bound_1() AS low_water, h.partitions,
    EXISTS (SELECT FROM ${schema}.members m WHERE NOT m.closed AND NOT m.fenced)
      OR EXISTS (
        SELECT FROM ${schema}.partitions p JOIN ${schema}.members d ON d.id = p.died_member AND d.fenced
        WHERE p.recover_from IS NOT NULL
      ) AS crashed,
    (SELECT coalesce(sum(commits), 0)::bigint FROM ${schema}.members) AS commits
  FROM ${schema}.head h`

/** Reads the row that there is one of, and what the members say of the whole. */
export async function readHead(
  ask: Ask,
  schema: string,
  place: string,
): Promise<HeadRow & { readonly partitions: number }> {
  const [row] = (await ask(headSql(schema))) as readonly Row[] as readonly unknown[] as readonly HeadRow[]
  if (row === undefined) throw rowDamaged(place, 'the head', 'it is missing')
  return { ...row, partitions: row.partitions ?? 0 }
}

/** The place below which everything has ended or waits, whoever owns it. */
export async function readLowWater(ask: Ask, schema: string): Promise<number> {
  const [row] = await ask(`SELECT ${schema}.bound_1() AS bound`)
  return (row as unknown as { bound: number }).bound
}

/** What a reader finds when it opens the journal. */
export async function readOpened({ look, schema, place, ...reading }: Reading): Promise<Opened> {
  const head = await readHead(async (text) => (await look(text)) as Awaited<ReturnType<Ask>>, schema, place)
  const historySize = await sumOf({ look, schema, place, ...reading }, true)
  return { crashed: head.crashed, lastSeq: head.last_seq, historySize }
}

/** How many ended messages are kept, or how many wait. */
async function sumOf(reading: Reading, ended: boolean): Promise<number> {
  const tallies = await readTallies(reading)
  return tallies.reduce((sum, { slot, count }) => (slot < 16 === ended ? sum + count : sum), 0)
}

/** Sizes and counts for people. */
export async function readStats(
  reading: Reading,
  facts: SchemaFacts,
): Promise<Readonly<Record<string, number | string>>> {
  const { look, schema, place } = reading
  const [head] = (await look(headSql(schema))) as readonly unknown[] as readonly HeadRow[]
  const [sizes] = await look(
    `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes, (SELECT count(*) FROM ${schema}.volumes) AS volumes
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'`,
    schema.replaceAll('"', ''),
  )
  return {
    place,
    server: `PostgreSQL ${Math.floor(facts.serverVersion / 10_000)}.${facts.serverVersion % 10_000}`,
    format: MIGRATIONS.length,
    databaseBytes: sizes?.['bytes'] as number,
    volumes: sizes?.['volumes'] as number,
    commits: head?.commits ?? 0,
    lastSeq: head?.last_seq ?? 0,
    lowWater: head?.low_water ?? 0,
    partitions: head?.partitions ?? 0,
    ended: await sumOf(reading, true),
    waiting: await sumOf(reading, false),
  }
}
