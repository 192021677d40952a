import { resolve } from 'node:path'
import { LinkspanError } from '../../model/errors.ts'
import type {
  HistoryQuery,
  Journal,
  JournalEnvironment,
  Opened,
  Ownership,
  StoredMessage,
} from '../journal.ts'
import { backlogReader } from './backlog-reader.ts'
import { backUp } from './backup.ts'
import { importClient, type Row } from './client.ts'
import { type HistoryRows, historyRows } from './history-rows.ts'
import { join, type Membership } from './joining.ts'
import { createLink, createLinks, type Link, type LinkOptions } from './link.ts'
import { messageReader } from './message-reader.ts'
import { createNames } from './names.ts'
import { createMember, type Member } from './ownership.ts'
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
import { readSurvey } from './survey.ts'
import { readTallies, readTotals } from './tallies.ts'
import { createVerify } from './verify.ts'
import { createVolumes, type Volumes } from './volumes.ts'
import { openWriter, type Writer } from './writer.ts'

/** What a journal is opened with. */
export interface StoreOptions {
  readonly url: () => Promise<string>
  /** Between quotes. */
  readonly schema: string
  readonly leaseMs: number
  /** Null: what the journal has. */
  readonly partitions: number | null
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
export const LONG_MS: number = 15 * 60_000

/** The connections of one journal. */
interface Links {
  readonly writer: Link
  readonly readers: Pick<Link, 'ask' | 'askPrepared' | 'drop'>
  /** For people's questions. */
  readonly people: Link
  /** For making, forgetting and dropping. */
  readonly keeper: Link
  /** For the beats of a member, which must not come late. */
  readonly beats: Link
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
 * Opens a journal for an engine that owns a share of it.
 * @throws {LinkspanError} what `JournalFactory.open` states
 */
export async function openToWrite(options: StoreOptions): Promise<Journal> {
  return opening(options, async (links, place) => {
    const { schema, leaseMs, partitions, volumeSize, environment } = options
    const { clock, logger, flows = new Map(), formerNames = new Map() } = environment
    const session = await sessionOf(links.keeper)
    const facts = await readFacts(session, schema)
    refuseStrangers(facts, place)
    if (facts.readOnly) throw unreachable(readOnly(), place, 'Opening')
    if (!facts.fsync) logger.log('warn', 'journal.unsafe', { place, why: 'fsync is off on its server' })
    await migrate(session, schema, place)
    const ask = askOn(links.keeper)
    const monotonic = (): number => clock.monotonic()
    const joining = { leaseMs, partitions, flows, formerNames, monotonic }
    const membership = await join(ask, schema, place, joining)
    const volumes = createVolumes(ask, schema, volumeSize, (error) =>
      logger.log('warn', 'journal.volume-not-made', { place, error: String(error) }),
    )
    await volumes.cover(membership.lastSeq + 1)
    const base = { links, place, facts }
    return shared(options, base, membership, volumes)
  })
}

/** A member's journal: its beats know what its writer does, and its reads what it owns. */
function shared(options: StoreOptions, base: Base, membership: Membership, volumes: Volumes): Journal {
  const { schema, leaseMs, environment } = options
  const { clock, logger } = environment
  const { links, place } = base
  const ask = askOn(links.keeper)
  const lowWater = (): Promise<number> => readLowWater(ask, schema)
  const parts: Parts = readingParts(options, base, lowWater, {
    partitions: membership.partitions,
    share: {
      get owned() {
        return member.share.owned
      },
      get left() {
        return member.share.left
      },
    },
  })
  const { names } = parts.reading
  const member: Member = createMember({
    link: links.beats,
    schema,
    place,
    membership,
    leaseMs,
    names,
    clock,
    logger,
    atRest: () => writer.atRest,
    activity: () => writer.activity,
    survey: () => readSurvey(parts.reading, membership.member),
  })
  const { lease, mail } = member
  const link = links.writer
  const writer = openWriter({ link, schema, place, names, volumes, membership, leaseMs, lease, mail, clock })
  const pruner = createPruner(ask, parts.reading, membership)
  const { crashed, lastSeq, historySize } = membership
  const opened = { crashed, lastSeq, historySize }
  return assemble(options, base, parts, opened, member.ownership, { writer, pruner, member })
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
    const { partitions } = await readHead(ask, schema, place)
    const parts = readingParts(options, base, () => readLowWater(ask, schema), { partitions, share: null })
    const ownership = readersOwnership(parts.reading)
    return assemble(options, base, parts, await readOpened(parts.reading), ownership, null)
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
  const beats = createLink({
    ...linkOptions,
    connectTimeoutMs: Math.min(linkOptions.connectTimeoutMs, options.leaseMs / 3),
    answerTimeoutMs: Math.min(linkOptions.answerTimeoutMs, options.leaseMs / 3),
  })
  const all = [writer, readers, people, keeper, beats]
  return {
    writer,
    readers,
    people,
    keeper,
    beats,
    apart: () => createLink({ ...linkOptions, answerTimeoutMs: 0, pipeline: false }),
    drop: async () => void (await Promise.all(all.map((link) => link.drop()))),
  }
}

/** The place as people know it: no user, no password. */
export function placeOf(url: string, schema: string): string {
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

function readingParts(
  { schema }: StoreOptions,
  { links, place }: Base,
  lowWater: Reading['lowWater'],
  share: Pick<Reading, 'share' | 'partitions'>,
): Parts {
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
    lowWater: () => guard('Reading', lowWater),
    ...share,
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
  readonly member: Member
  readonly writer: Writer
  readonly pruner: Pruner
}

function assemble(
  options: StoreOptions,
  { links, place, facts }: Base,
  parts: Parts,
  opened: Opened,
  ownership: Ownership,
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
    ownership,
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
        const bounds = { endedBefore, attentionBefore, now, lowWater: await reading.lowWater() }
        return owner.pruner.step(bounds, limit).catch((error: unknown) => {
          throw journalError(error, place, 'Forgetting')
        })
      },
      backup: (path, progress) =>
        apart((link) => backUp(link, reading.schema, place, resolve(directory, path), progress)),
    },
    close: async ({ leftRunning = false } = {}) => {
      if (parts.isClosed) return
      parts.isClosed = true
      owner?.writer.close()
      // Where it does not get through, the lease runs out by itself.
      await owner?.member.close(!leftRunning && owner.writer.atRest !== null).catch((error: unknown) => {
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

async function readHead(
  ask: Ask,
  schema: string,
  place: string,
): Promise<HeadRow & { readonly partitions: number }> {
  const [row] = (await ask(headSql(schema))) as readonly Row[] as readonly unknown[] as readonly HeadRow[]
  if (row === undefined) throw rowDamaged(place, 'the head', 'it is missing')
  return { ...row, partitions: row.partitions ?? 0 }
}

async function readLowWater(ask: Ask, schema: string): Promise<number> {
  const [row] = await ask(`SELECT ${schema}.bound_1() AS bound`)
  return (row as unknown as { bound: number }).bound
}

/** A reader owns nothing and sees all. */
function readersOwnership(reading: Reading): Ownership {
  const { place, partitions } = reading
  const refuse = (): never => {
    throw openedToRead(place)
  }
  return {
    member: 0,
    partitions,
    owned: new Set(),
    holds: () => false,
    begin: async () => refuse(),
    recovered: async () => refuse(),
    retire: refuse,
    release: async () => refuse(),
    survey: () => readSurvey(reading, null),
  }
}

async function readOpened({ look, schema, place, ...reading }: Reading): Promise<Opened> {
  const head = await readHead(async (text) => (await look(text)) as Awaited<ReturnType<Ask>>, schema, place)
  const historySize = await sumOf({ look, schema, place, ...reading }, true)
  return { crashed: head.crashed, lastSeq: head.last_seq, historySize }
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
    partitions: head?.partitions ?? 0,
    ended: await sumOf(reading, true),
    waiting: await sumOf(reading, false),
  }
}

function readOnly(): Error {
  return Object.assign(new Error('transactions are read-only'), { code: '25006', severity: 'ERROR' })
}

/** The error for a schema without tables. */
export function noJournal(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `There is no journal in ${place}. Start the engine once, or correct the url or the schema.`,
    { details: { place } },
  )
}

/** The error for a journal that an engine has to bring up to date first. */
export function tooOld(place: string, version: number): LinkspanError {
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
