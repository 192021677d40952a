import { LinkspanError } from '../../model/errors.ts'
import type { PlacedMessage, SourceFacts, TransferPage, TransferRequest, TransferTarget } from '../journal.ts'
import { notEmptyError, otherSourceError, refuseDifferentCounts, refuseUnfit } from '../transfer-errors.ts'
import type { Link } from './link.ts'
import { createNames } from './names.ts'
import { journalError, unreachable } from './postgres-error.ts'
import { type Ask, COPYING, migrate, readFacts, refuseStrangers } from './schema.ts'
import { sessionOf } from './session.ts'
import { VOLUME_TABLES } from './tables-sql.ts'
import { packPage } from './transfer-packing.ts'
import { inUseBy, type TransferPlace } from './transfer-place.ts'
import { countAll } from './transfer-source.ts'
import { createVolumes } from './volumes.ts'

const WHOLE = 'linkspan'

type Rows = <Row>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** One connection on which a copy is written, and the number of this attempt at it. */
interface Writing extends Omit<TransferPlace, 'partitions'> {
  readonly ask: Rows
  readonly run: number
  readonly partitions: number
}

/** Opens a schema for a copy, on a connection of its own. */
export async function openTransferTarget(
  link: Link,
  place: TransferPlace,
  request: TransferRequest,
): Promise<TransferTarget> {
  const session = await sessionOf(link)
  const ask = session as Rows
  await makeTables(session, place)
  const begun = await inTransaction(ask, () => begin(ask, place, request))
  const writing: Writing = { ...place, ask, ...begun }
  const volumes = createVolumes(session, place.schema, place.volumeSize, () => {})
  await volumes.cover(request.source.lastSeq + 1)
  return targetOf(writing, link, await presentIn(ask, place.schema))
}

async function makeTables(session: Ask, { schema, place }: TransferPlace): Promise<void> {
  const facts = await readFacts(session, schema)
  if (facts.copying) return
  refuseStrangers(facts, place)
  if (facts.readOnly) throw unreachable(new Error('transactions are read-only'), place, 'Opening')
  await migrate(session, schema, place)
}

interface Begun {
  readonly journal: string
  readonly version: string
}

/** From here on the schema holds a copy, and no journal until it is finished. */
async function begin(
  ask: Rows,
  { schema, place, partitions }: TransferPlace,
  { source, anew }: TransferRequest,
): Promise<Pick<Writing, 'run' | 'partitions'>> {
  const [head] = await ask<{ application: string; last_seq: number }>(
    `SELECT application, last_seq FROM ${schema}.head FOR UPDATE`,
  )
  if (head?.application !== COPYING) await makeCopy(ask, schema, place, head?.last_seq ?? 0)
  const [begun] = await ask<Begun>(`SELECT journal, version FROM ${schema}.copying`)
  if (begun !== undefined && anew) await empty(ask, schema)
  else if (begun !== undefined && (begun.journal !== source.journal || begun.version !== source.version))
    throw otherSourceError(place)
  const [row] = await ask<{ run: number }>(
    `INSERT INTO ${schema}.copying AS c (id, journal, version, run) VALUES (1, $1, $2, 1)
     ON CONFLICT (id) DO UPDATE SET journal = $1, version = $2, run = c.run + 1 RETURNING run`,
    [source.journal, source.version],
  )
  return { run: row?.run as number, partitions: await cut(ask, schema, partitions) }
}

/** Cuts the key space as the first engine would, as messages are laid into its partitions. */
async function cut(ask: Rows, schema: string, wanted: number): Promise<number> {
  const [head] = await ask<{ partitions: number | null }>(`SELECT partitions FROM ${schema}.head`)
  const present = head?.partitions ?? null
  if (present !== null) return present
  await ask(`UPDATE ${schema}.head SET partitions = $1`, [wanted])
  await ask(`INSERT INTO ${schema}.partitions (partition) SELECT generate_series(0, $1::integer - 1)`, [
    wanted,
  ])
  return wanted
}

async function makeCopy(ask: Rows, schema: string, place: string, lastSeq: number): Promise<void> {
  const owners = await ask<{ name: string }>(
    `SELECT name FROM ${schema}.members WHERE NOT fenced AND NOT closed AND lease_until > clock_timestamp()`,
  )
  if (owners.length > 0) throw inUseBy(owners.map(({ name }) => name).join(', '), place)
  const counts = await countAll(ask, schema)
  if (lastSeq > 0 || Object.values(counts).some((count) => count > 0)) throw notEmptyError(place)
  await ask(
    `CREATE TABLE ${schema}.copying (id smallint PRIMARY KEY, journal text NOT NULL, version text NOT NULL, run bigint NOT NULL)`,
  )
  await ask(`UPDATE ${schema}.head SET application = $1`, [COPYING])
}

const FILLED = [...VOLUME_TABLES, 'waits', 'families', 'tallies', 'state', 'seen', 'cursors', 'names']

async function empty(ask: Rows, schema: string): Promise<void> {
  await ask(`TRUNCATE ${FILLED.map((table) => `${schema}.${table}`).join(', ')}`)
}

async function presentIn(ask: Rows, schema: string): Promise<TransferTarget['present']> {
  const [row] = await ask<TransferTarget['present']>(
    `SELECT coalesce(max(seq), 0) AS seq, count(*) AS messages FROM ${schema}.messages`,
  )
  return row as TransferTarget['present']
}

async function inTransaction<Result>(ask: Rows, run: () => Promise<Result>): Promise<Result> {
  await ask('BEGIN')
  try {
    const result = await run()
    await ask('COMMIT')
    return result
  } catch (error) {
    await ask('ROLLBACK').catch(() => undefined)
    throw error
  }
}

function targetOf(writing: Writing, link: Link, present: TransferTarget['present']): TransferTarget {
  const { ask, schema, place, partitions } = writing
  const names = createNames(ask as Ask, schema)
  let last = present.seq
  const guard = async (doing: string, run: () => Promise<void>): Promise<void> => {
    try {
      await inTransaction(ask, run)
    } catch (error) {
      throw journalError(error, place, doing)
    }
  }
  const putPage = async (page: TransferPage): Promise<void> => {
    const { messages = [] } = page
    refuseUnfit(messages, last)
    await guard('Writing', async () => {
      // A copy that is lost can be made again: it waits for the disk when it is finished.
      await ask('SET LOCAL synchronous_commit = off')
      await takeTurn(writing)
      const placed = { ...page, messages: await withParents(messages, writing) }
      for (const { text, values } of packPage(placed, schema, names)) await ask(text, values)
    })
    last = messages.at(-1)?.seq ?? last
  }
  return {
    name: `postgres ${place}`,
    partitions,
    present,
    put: putPage,
    finish: async (source) => {
      await guard('Finishing', () => finish(writing, source))
      await ask(`ANALYZE ${FILLED.map((table) => `${schema}.${table}`).join(', ')}`)
      await link.drop()
    },
    close: () => link.drop(),
  }
}

/** Lays children where their parents lie, which were put before them; those of forgotten ones lie anywhere. */
async function withParents(
  messages: readonly PlacedMessage[],
  { ask, schema, partitions }: Writing,
): Promise<readonly PlacedMessage[]> {
  const here = new Set(messages.map(({ seq }) => seq))
  const parents = messages.flatMap(({ parent }) =>
    parent === null || here.has(parent.seq) ? [] : [parent.seq],
  )
  const rows =
    parents.length === 0
      ? []
      : await ask<{ seq: number; partition: number }>(
          `SELECT seq, partition FROM ${schema}.messages WHERE seq = ANY($1::bigint[])`,
          [[...new Set(parents)]],
        )
  const found = new Map(rows.map(({ seq, partition }) => [seq, partition]))
  return messages.map((message) => {
    const { seq, parent } = message
    const home = parent === null ? undefined : found.get(parent.seq)
    const partition = message.partition ?? home ?? seq % partitions
    found.set(seq, partition)
    return { ...message, partition }
  })
}

/** Whoever began later has the copy. */
async function takeTurn({ ask, schema, place, run }: Writing): Promise<void> {
  const found = await ask(`UPDATE ${schema}.copying SET run = run WHERE run = $1 RETURNING run`, [run])
  if (found.length === 0)
    throw new LinkspanError(
      'JOURNAL_IN_USE',
      `Another process copies a journal to ${place} now, and took over from this one. Let that one end.`,
      { details: { place } },
    )
}

async function finish(writing: Writing, source: SourceFacts): Promise<void> {
  const { ask, schema, place } = writing
  await ask(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'",
  )
  await takeTurn(writing)
  refuseDifferentCounts(place, await countAll(ask, schema), source)
  await ask(`UPDATE ${schema}.head SET application = $1, last_seq = $2`, [WHOLE, source.lastSeq])
  await ask(`DROP TABLE ${schema}.copying`)
}
