import { resolve } from 'node:path'
import { LinkspanError } from '../../model/errors.ts'
import type { HistoryQuery, Journal, JournalEnvironment, Opened, StoredMessage } from '../journal.ts'
import { soleOwnership } from '../sole-ownership.ts'
import { backlogReader } from './backlog-reader.ts'
import { backUp } from './backup.ts'
import { importClient, type Row } from './client.ts'
import { type HistoryRows, historyRows } from './history-rows.ts'
import { createLink, createLinks, type Link, type LinkOptions } from './link.ts'
import { messageReader } from './message-reader.ts'
import { createNames } from './names.ts'
import { claim } from './owner-lock.ts'
import {
  closedError,
  failureOf,
  journalError,
  openingError,
  rowDamaged,
  unreachable,
} from './postgres-error.ts'
import { createPruner, type Pruner } from './prune.ts'
import { hotQueries } from './queries.ts'
import type { Reading } from './reading.ts'
import { type Ask, MIGRATIONS, migrate, readFacts, refuseStrangers, type SchemaFacts } from './schema.ts'
import { askOn, sessionOf } from './session.ts'
import { cursorReader, stateReader } from './state-rows.ts'
import { readTallies, readTotals } from './tallies.ts'
import { createVerify } from './verify.ts'
import { createVolumes } from './volumes.ts'
import { openWriter, type Writer } from './writer.ts'

/** What a journal is opened with. */
export interface StoreOptions {
  readonly url: () => Promise<string>
  /** Between quotes. */
  readonly schema: string
  readonly leaseMs: number
  readonly readers: number
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Null: unless there is a pooler. */
  readonly preparedStatements: boolean | null
  readonly volumeSize: number
  readonly environment: JournalEnvironment
}

/** How many rows of the history are looked through at a time. */
const SCAN = 2000
/** For what goes through much of the journal. */
const LONG_MS = 15 * 60_000

/** The connections of one journal. */
interface Links {
  readonly writer: Link
  readonly readers: Pick<Link, 'ask' | 'askPrepared' | 'drop'>
  /** For people's questions. */
  readonly people: Link
  /** For making, forgetting and dropping. */
  readonly keeper: Link
  /** Makes one for a long piece of work; it is dropped after that. */
  readonly apart: () => Link
  readonly drop: () => Promise<void>
}

interface Base {
  readonly links: Links
  readonly place: string
  readonly facts: SchemaFacts
}

/**
 * Opens a journal for its owner.
 * @throws {LinkspanError} what `JournalFactory.open` states
 */
export async function openToWrite(options: StoreOptions): Promise<Journal> {
  return opening(options, async (links, place) => {
    const { schema, leaseMs, volumeSize, environment } = options
    const { clock, logger } = environment
    const session = await sessionOf(links.keeper)
    const facts = await readFacts(session, schema)
    refuseStrangers(facts, place)
    if (facts.readOnly) throw unreachable(readOnly(), place, 'Opening')
    if (!facts.fsync) logger.log('warn', 'journal.unsafe', { place, why: 'fsync is off on its server' })
    await migrate(session, schema, place)
    const ask = askOn(links.keeper)
    const membership = await claim(ask, schema, place, leaseMs)
    const volumes = createVolumes(ask, schema, volumeSize, (error) =>
      logger.log('warn', 'journal.volume-not-made', { place, error: String(error) }),
    )
    await volumes.cover(membership.lastSeq + 1)
    const { lastSeq, historySize, crashed } = membership
    const parts = readingParts(options, { links, place, facts }, async () => writer.head)
    const writer: Writer = openWriter({
      link: links.writer,
      schema,
      place,
      names: parts.reading.names,
      volumes,
      membership,
      leaseMs,
      clock,
      logger,
    })
    const pruner = createPruner(ask, parts.reading, membership)
    return assemble(
      options,
      { links, place, facts },
      parts,
      { crashed, lastSeq, historySize },
      { writer, pruner },
    )
  })
}

/**
 * Opens a journal for reading, while another process may own it; a standby is enough.
 * @throws {LinkspanError} what `JournalFactory.openForReading` states
 */
export async function openToRead(options: StoreOptions): Promise<Journal> {
  return opening(options, async (links, place) => {
    const { schema } = options
    const ask = askOn(links.people)
    const facts = await readFacts(ask, schema)
    refuseStrangers(facts, place)
    if (facts.version === 0) throw noJournal(place)
    if (facts.version < MIGRATIONS.length) throw tooOld(place, facts.version)
    const base = { links, place, facts }
    const parts = readingParts(options, base, () => readHead(ask, schema, place))
    return assemble(options, base, parts, await readOpened(parts.reading), null)
  })
}

async function opening(
  options: StoreOptions,
  open: (links: Links, place: string) => Promise<Journal>,
): Promise<Journal> {
  const { directory } = options.environment
  const place = placeOf(await options.url(), options.schema)
  const links = makeLinks(options, { ...options, client: await importClient(directory), pipeline: true })
  try {
    return await open(links, place)
  } catch (error) {
    await links.drop()
    throw openingError(error, place)
  }
}

function makeLinks(options: StoreOptions, linkOptions: LinkOptions): Links {
  const writer = createLink(linkOptions)
  const readers = createLinks(options.readers, linkOptions)
  const people = createLink({ ...linkOptions, answerTimeoutMs: LONG_MS })
  const keeper = createLink({ ...linkOptions, answerTimeoutMs: LONG_MS })
  const all = [writer, readers, people, keeper]
  return {
    writer,
    readers,
    people,
    keeper,
    apart: () => createLink({ ...linkOptions, answerTimeoutMs: 0, pipeline: false }),
    drop: async () => void (await Promise.all(all.map((link) => link.drop()))),
  }
}

/** The place as people know it: no user, no password. */
function placeOf(url: string, schema: string): string {
  const name = schema.replaceAll('"', '')
  try {
    const { host, pathname } = new URL(url)
    return `${host}${decodeURIComponent(pathname)}, schema ${name}`
  } catch {
    return `the database of its URL, schema ${name}`
  }
}

/** Who reads, and by what. */
interface Parts {
  readonly reading: Reading
  readonly history: HistoryRows
  isClosed: boolean
}

function readingParts({ schema }: StoreOptions, { links, place }: Base, head: Reading['head']): Parts {
  const guard = <Result>(doing: string, run: () => Promise<Result>): Promise<Result> =>
    parts.isClosed
      ? Promise.reject(closedError(place))
      : reread(run).catch((error: unknown) => {
          throw journalError(error, place, doing)
        })
  const look: Reading['look'] = (text, ...values) =>
    guard('Reading', () => links.people.ask({ text, values }))
  const reading: Reading = {
    schema,
    place,
    names: createNames(
      async (text, values = []) => (await look(text, ...values)) as Awaited<ReturnType<Ask>>,
      schema,
    ),
    queries: hotQueries(schema),
    ask: (query, ...values) => guard('Reading', () => links.readers.askPrepared({ ...query, values })),
    look,
    head: () => guard('Reading', head),
  }
  const parts: Parts = { reading, history: historyRows(reading), isClosed: false }
  return parts
}

/** A connection that broke while it was idle is found out by the next question: that one is asked again. */
async function reread<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run()
  } catch (error) {
    if (failureOf(error) !== 'lost') throw error
    return run()
  }
}

/** What an owner has and a reader has not. */
interface Owner {
  readonly writer: Writer
  readonly pruner: Pruner
}

function assemble(
  options: StoreOptions,
  { links, place, facts }: Base,
  parts: Parts,
  opened: Opened,
  owner: Owner | null,
): Journal {
  const { reading, history } = parts
  const { clock, logger, directory } = options.environment
  const messages = messageReader(reading)
  const backlog = backlogReader(reading, messages.load)
  const refuse = (): never => {
    throw parts.isClosed ? closedError(place) : openedToRead(place)
  }
  const apart = async <Result>(run: (link: Link) => Promise<Result>): Promise<Result> => {
    if (parts.isClosed) throw closedError(place)
    const link = links.apart()
    try {
      return await run(link)
    } finally {
      await link.drop()
    }
  }
  return {
    name: `postgres ${place}`,
    opened,
    commit: async (batch) => (owner === null ? refuse() : owner.writer.commit(batch)),
    messages,
    backlog,
    state: stateReader(reading, () => clock.now()),
    cursors: cursorReader(reading),
    ownership: soleOwnership({ opened, name: place, backlog, now: () => clock.now() }),
    history: {
      query: (query) => lookThrough(history, messages.load, query),
      totals: () => readTotals(reading),
      stats: () => readStats(reading, facts),
      verify: (progress) =>
        apart((link) =>
          createVerify({ ...reading, look: (text, ...values) => link.ask({ text, values }) })(progress),
        ),
      prune: async (endedBefore, attentionBefore, now, limit) => {
        if (owner === null || parts.isClosed) return refuse()
        const { lowWater } = owner.writer.head
        const bounds = { endedBefore, attentionBefore, now, lowWater }
        return owner.pruner.step(bounds, limit).catch((error: unknown) => {
          throw journalError(error, place, 'Forgetting')
        })
      },
      backup: (path, progress) =>
        apart((link) => backUp(link, reading.schema, place, resolve(directory, path), progress)),
    },
    close: async () => {
      if (parts.isClosed) return
      parts.isClosed = true
      // The lease runs out by itself.
      await owner?.writer.close().catch((error: unknown) => {
        logger.log('warn', 'journal.close-failed', { place, error: String(error) })
      })
      await links.drop()
    },
  }
}

async function lookThrough(
  history: HistoryRows,
  load: (seqs: readonly number[], trust: 'marked') => Promise<readonly StoredMessage[]>,
  query: HistoryQuery,
): Promise<readonly StoredMessage[]> {
  const seqs: number[] = []
  let beyond = query.beyond ?? null
  for (;;) {
    const stretch = await history.look(query, beyond, SCAN)
    seqs.push(...stretch.seqs)
    if (seqs.length >= query.limit || stretch.next === null) break
    beyond = stretch.next
  }
  const found = await load(seqs.slice(0, query.limit), 'marked')
  return query.order === 'oldest' ? found : [...found].reverse()
}

interface HeadRow {
  readonly last_seq: number
  readonly low_water: number | null
  readonly closed: boolean | null
  readonly commits: number
}

const headSql = (schema: string): string => `
  SELECT h.last_seq, (SELECT max(low_water) FROM ${schema}.members) AS low_water,
    (SELECT m.closed FROM ${schema}.members m ORDER BY m.id DESC LIMIT 1) AS closed,
    (SELECT coalesce(sum(commits), 0)::bigint FROM ${schema}.members) AS commits
  FROM ${schema}.head h`

async function readHead(ask: Ask, schema: string, place: string): ReturnType<Reading['head']> {
  const [row] = (await ask(headSql(schema))) as readonly Row[] as readonly unknown[] as readonly HeadRow[]
  if (row === undefined) throw rowDamaged(place, 'the head', 'it is missing')
  return { lastSeq: row.last_seq, lowWater: row.low_water ?? 0 }
}

async function readOpened(reading: Reading): Promise<Opened> {
  const [row] = (await reading.look(headSql(reading.schema))) as readonly unknown[] as readonly HeadRow[]
  if (row === undefined) throw rowDamaged(reading.place, 'the head', 'it is missing')
  return { crashed: row.closed === false, lastSeq: row.last_seq, historySize: await sumOf(reading, true) }
}

/** How many ended messages are kept, or how many wait. */
async function sumOf(reading: Reading, ended: boolean): Promise<number> {
  const tallies = await readTallies(reading)
  return tallies.reduce((sum, { slot, count }) => (slot < 16 === ended ? sum + count : sum), 0)
}

async function readStats(
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
    ended: await sumOf(reading, true),
    waiting: await sumOf(reading, false),
  }
}

function readOnly(): Error {
  return Object.assign(new Error('transactions are read-only'), { code: '25006', severity: 'ERROR' })
}

function noJournal(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `There is no journal in ${place}. Start the engine once, or correct the url or the schema.`,
    { details: { place } },
  )
}

function tooOld(place: string, version: number): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} has the old format version ${version}. Start the engine once: it brings the journal up to date.`,
    { details: { place, version } },
  )
}

function openedToRead(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} was opened for reading; nothing can be written to it.`,
    { details: { place } },
  )
}
