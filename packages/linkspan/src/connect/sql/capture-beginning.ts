import type { SourceContext } from '../connector.ts'
import type { Ask } from './asking.ts'
import { cannotCapture, lostAdvice } from './capture-error.ts'
import type { CaptureSettings } from './capture-options.ts'
import {
  type CaptureFollowing,
  type CapturePosition,
  type CaptureReading,
  capturePosition,
} from './capture-position.ts'
import type { CapturedTable } from './capture-tables.ts'
import { readLsn } from './lsn.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { PostgresSession } from './postgres-session.ts'
import { type Sql, sql } from './sql.ts'
import { plain } from './work.ts'

/** Where a source goes on, with the snapshot that its slot was made with. */
export interface Beginning {
  readonly position: CaptureReading | CaptureFollowing
  /** The name of the snapshot, which lasts as long as the session does nothing else; null for one of an earlier life. */
  readonly snapshot: string | null
}

/** What beginning takes. */
export interface BeginningWith {
  readonly settings: CaptureSettings
  readonly context: SourceContext
  readonly ask: Ask
  readonly session: PostgresSession
  readonly tables: readonly CapturedTable[]
}

/** Sees to the publication and the slot, and answers where to go on. */
export async function begin(given: BeginningWith): Promise<Beginning> {
  const { settings, context, ask } = given
  await checkLog(settings, ask)
  await publish(given)
  const position = capturePosition(settings.name, settings.slot, await context.cursor())
  const slot = await slotOf(settings, ask)
  if (position === null) return slot === null ? make(given, false) : adopt(given, slot)
  if (position.stage === 'making') {
    if (slot !== null) await ask(sql`select pg_drop_replication_slot(${settings.slot})`)
    return make(given, true)
  }
  await checkPlace(given, position, slot)
  return { position, snapshot: null }
}

async function checkLog(settings: CaptureSettings, ask: Ask): Promise<void> {
  const [row] = await ask(sql`select current_setting('wal_level') as level, pg_is_in_recovery() as standby`)
  if (row?.['standby'] === true)
    throw cannotCapture(settings, 'the server is a standby. Connect to the primary.')
  if (row?.['level'] !== 'logical')
    throw cannotCapture(
      settings,
      `the server has wal_level = ${row?.['level']}. Set wal_level = logical in its configuration (alter system set wal_level = 'logical') and restart it.`,
    )
}

async function publish({ settings, ask, tables }: BeginningWith): Promise<void> {
  const { publication, create, operations } = settings
  const name = sql.column(publication)
  const names = (list: readonly CapturedTable[]): Sql =>
    sql.join(list.map(({ schema, table }) => sql`${sql.column(schema)}.${sql.column(table)}`))
  const [present] = await ask(sql`select 1 as one from pg_publication where pubname = ${publication}`)
  if (present === undefined) {
    const list = tables.map((each) => each.name).join(', ')
    if (!create)
      throw cannotCapture(
        settings,
        `there is no publication "${publication}". Make it: create publication "${publication}" for table ${list}.`,
      )
    const options = sql.raw(`(publish = '${operations.join(', ')}', publish_via_partition_root = true)`)
    await ask(sql`create publication ${name} for table ${names(tables)} with ${options}`)
    return
  }
  const rows = await ask(
    sql`select schemaname, tablename from pg_publication_tables where pubname = ${publication}`,
  )
  const published = new Set(rows.map(({ schemaname, tablename }) => `${schemaname}.${tablename}`))
  const missing = tables.filter((each) => !published.has(each.name))
  if (missing.length === 0) return
  if (!create) {
    const list = missing.map((each) => each.name).join(', ')
    throw cannotCapture(
      settings,
      `the publication "${publication}" does not have ${list}. Add to it: alter publication "${publication}" add table ${list}.`,
    )
  }
  await ask(sql`alter publication ${name} add table ${names(missing)}`)
}

interface Slot {
  readonly confirmed: string
}

async function slotOf(settings: CaptureSettings, ask: Ask): Promise<Slot | null> {
  const { slot } = settings
  const [row] =
    await ask(sql`select plugin, database, current_database() as here, confirmed_flush_lsn::text as confirmed,
    to_jsonb(s) ->> 'wal_status' as wal, to_jsonb(s) ->> 'invalidation_reason' as reason
    from pg_replication_slots s where slot_name = ${slot}`)
  if (row === undefined) return null
  const { plugin, database, here, confirmed, wal, reason } = row
  if (plugin !== 'pgoutput' || database !== here)
    throw cannotCapture(
      settings,
      `the slot "${slot}" is one of the plugin ${plugin ?? 'none (a physical slot)'} and the database ${database ?? 'none'}. Give the source a slot of its own.`,
    )
  if (wal === 'lost' || reason !== null || confirmed === null)
    throw cannotCapture(
      settings,
      `the server gave up its slot "${slot}" (${reason ?? 'wal_removed'}). ${lostAdvice(slot)}`,
    )
  return { confirmed: String(confirmed) }
}

/** One that somebody made beforehand: what it holds is taken from its beginning. */
async function adopt({ settings, session }: BeginningWith, { confirmed }: Slot): Promise<Beginning> {
  const { slot, snapshot } = settings
  if (snapshot)
    throw cannotCapture(
      settings,
      `the slot "${slot}" is there already, and a snapshot is taken when a slot is made. Drop it (select pg_drop_replication_slot('${slot}')), name another one, or leave out the snapshot.`,
    )
  const { system } = await systemOf(session)
  return { position: { slot, stage: 'following', system, lsn: confirmed, within: null }, snapshot: null }
}

async function make(
  { settings, context, session, tables }: BeginningWith,
  announced: boolean,
): Promise<Beginning> {
  const { slot, snapshot, create } = settings
  if (!create)
    throw cannotCapture(
      settings,
      `there is no slot "${slot}". Make it: select pg_create_logical_replication_slot('${slot}', 'pgoutput').`,
    )
  const keyless = tables.find(({ key }) => key.length === 0)
  if (snapshot && keyless !== undefined)
    throw cannotCapture(
      settings,
      `a snapshot is read by primary key, and ${keyless.name} has none. Give it one, or leave out the snapshot.`,
    )
  const { system } = await systemOf(session)
  const making: CapturePosition = { slot, stage: 'making' }
  if (!announced) await context.accept([], JSON.stringify(making))
  const how = snapshot ? 'EXPORT_SNAPSHOT' : 'NOEXPORT_SNAPSHOT'
  const [row] = await session.ask(
    plain(`CREATE_REPLICATION_SLOT ${postgresDialect.quote(slot)} LOGICAL pgoutput ${how}`),
  )
  const lsn = String(row?.['consistent_point'])
  const position: CapturePosition = snapshot
    ? { slot, stage: 'reading', system, lsn, tables: tables.map(({ name }) => name), read: 0, after: null }
    : { slot, stage: 'following', system, lsn, within: null }
  await context.accept([], JSON.stringify(position))
  return { position, snapshot: snapshot ? String(row?.['snapshot_name']) : null }
}

async function systemOf(
  session: PostgresSession,
): Promise<{ readonly system: string; readonly end: string }> {
  const [row] = await session.ask(plain('IDENTIFY_SYSTEM'))
  return { system: `${row?.['systemid']}/${row?.['dbname']}`, end: String(row?.['xlogpos']) }
}

/** Whether the log still has what comes behind a position. */
async function checkPlace(
  { settings, session }: BeginningWith,
  position: CaptureReading | CaptureFollowing,
  present: Slot | null,
): Promise<void> {
  const { slot } = settings
  const { system, end } = await systemOf(session)
  if (system !== position.system)
    throw cannotCapture(
      settings,
      `its position is in the log of another server or database (${position.system}, and this is ${system}). Give it another slot to begin anew here.`,
    )
  if (present === null)
    throw cannotCapture(settings, `its slot "${slot}" is gone from the server. ${lostAdvice(slot)}`)
  if (readLsn(present.confirmed) > readLsn(position.lsn))
    throw cannotCapture(
      settings,
      `somebody else has read its slot "${slot}" up to ${present.confirmed}, and this source is at ${position.lsn}: another program, or this one on a later copy of its journal. ${lostAdvice(slot)}`,
    )
  if (readLsn(end) < readLsn(position.lsn))
    throw cannotCapture(
      settings,
      `the server's log ends at ${end}, before what was accepted already (${position.lsn}): it was restored from a backup, or a standby took over that lacked the last changes. ${lostAdvice(slot)}`,
    )
}
