import type { Journal, Ownership } from '../journal.ts'
import { importClient } from './client.ts'
import { readHead, readLowWater, readOpened } from './head.ts'
import { join, type Membership } from './joining.ts'
import { journalOf } from './journal-of.ts'
import { type Links, makeLinks, placeOf } from './links.ts'
import { createMember, type Member } from './ownership.ts'
import { noJournal, openedToRead, openingError, readOnly, tooOld, unreachable } from './postgres-error.ts'
import { createPruner } from './prune.ts'
import type { Reading } from './reading.ts'
import { type Base, type Parts, readingParts } from './reading-parts.ts'
import { MIGRATIONS, migrate, readFacts, refuseStrangers } from './schema.ts'
import { askOn, sessionOf } from './session.ts'
import type { StoreOptions } from './store-options.ts'
import { readMembers, readRunning, readSurvey } from './survey.ts'
import { createVolumes, type Volumes } from './volumes.ts'
import { openWriter } from './writer.ts'

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
    const joining = { leaseMs, partitions, flows, formerNames, monotonic, wall: wallOf(environment) }
    const membership = await join(ask, schema, place, joining)
    const volumes = createVolumes(ask, schema, volumeSize, (error) =>
      logger.log('warn', 'journal.volume-not-made', { place, error: String(error) }),
    )
    await volumes.cover(membership.lastSeq + 1)
    const base = { links, place, facts }
    return shared(options, base, membership, volumes)
  })
}

function wallOf({ clock, wall }: StoreOptions['environment']): () => number {
  return wall ?? (() => clock.now())
}

/** A member's journal: its beats know what its writer does, and its reads what it owns. */
function shared(options: StoreOptions, base: Base, membership: Membership, volumes: Volumes): Journal {
  const { schema, leaseMs, environment } = options
  const { clock, logger } = environment
  const { links, place } = base
  const ask = askOn(links.keeper)
  const lowWater = (): Promise<number> => readLowWater(ask, schema)
  const parts: Parts = readingParts(schema, base, lowWater, {
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
    wall: wallOf(environment),
    logger,
    atRest: () => writer.atRest,
    activity: () => writer.activity,
    running: () => readRunning(parts.reading),
    members: () => readMembers(parts.reading, membership.member),
    survey: () => readSurvey(parts.reading, membership.member),
  })
  const { lease, mail } = member
  const link = links.writer
  const writer = openWriter({ link, schema, place, names, volumes, membership, leaseMs, lease, mail, clock })
  const pruner = createPruner(ask, parts.reading, membership)
  const { crashed, lastSeq, historySize } = membership
  const opened = { crashed, lastSeq, historySize }
  return journalOf(options, base, parts, opened, member.ownership, { writer, pruner, member })
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
    const parts = readingParts(schema, base, () => readLowWater(ask, schema), { partitions, share: null })
    const ownership = readersOwnership(parts.reading)
    return journalOf(options, base, parts, await readOpened(parts.reading), ownership, null)
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
    now: () => null,
    begin: async () => refuse(),
    recovered: async () => refuse(),
    retire: refuse,
    release: async () => refuse(),
    running: () => readRunning(reading),
    members: () => readMembers(reading, null),
    survey: () => readSurvey(reading, null),
  }
}
