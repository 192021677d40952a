import { acceptWhenRoom } from '../accept.ts'
import { type Bell, createBell } from '../bell.ts'
import type { Incoming, SourceContext } from '../connector.ts'
import type { Ask } from './asking.ts'
import { changeMessages } from './capture-message.ts'
import type { CaptureSettings } from './capture-options.ts'
import type { CaptureFollowing } from './capture-position.ts'
import { type CaptureQueue, createCaptureQueue, type QueuedChange, type Taken } from './capture-queue.ts'
import { type CapturedTable, keyOf } from './capture-tables.ts'
import { lsnText, readLsn } from './lsn.ts'
import { type Relation, readFrame, statusFrame } from './pgoutput.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { PostgresSession } from './postgres-session.ts'

/** What following the log takes. */
export interface Following {
  readonly settings: CaptureSettings
  readonly context: SourceContext
  readonly ask: Ask
  readonly session: PostgresSession
  readonly tables: readonly CapturedTable[]
}

/** How often the server is told how far we are, unless it asks; it gives up after `wal_sender_timeout`, a minute. */
const TELL_EVERY_MS = 10_000
/** After this time without a word the server is asked for one, and after three times as long it is taken for gone. */
const SILENCE_MS = 20_000
/** How often a position is kept with which no change was accepted: others write into the log too. */
const KEEP_EVERY_MS = 10_000

/** A source at work. What it heard lives no longer than it: the slot keeps the log, the journal the position. */
interface Run extends Following {
  readonly queue: CaptureQueue
  readonly bell: Bell
  readonly keys: WeakMap<Relation, readonly string[]>
  /** Up to here the journal has all: the server may forget it. */
  kept: CaptureFollowing
  keptAt: number
  heardAt: number
  paused: boolean
}

/** Follows the log from a position; resolves when the source must stop, rejects when it cannot go on. */
export async function follow(given: Following, from: CaptureFollowing): Promise<void> {
  const { context, session, settings, tables } = given
  const { clock, signal } = context
  const names = new Set(tables.map(({ name }) => name))
  const now = clock.monotonic()
  const run: Run = {
    ...given,
    queue: createCaptureQueue(from, (table) => names.has(table), settings.batch),
    bell: createBell(signal),
    keys: new WeakMap(),
    kept: from,
    keptAt: now,
    heardAt: now,
    paused: false,
  }
  session.stream(startingAt(settings, from), (frame) => hear(run, frame)).catch(run.bell.fail)
  const cancelTelling = every(given, TELL_EVERY_MS, () => tellInTime(run))
  try {
    while (!signal.aborted && (await step(run)));
  } finally {
    cancelTelling()
  }
}

function startingAt({ slot, publication }: CaptureSettings, { lsn }: CaptureFollowing): string {
  const quoted = postgresDialect.quote(publication).replaceAll("'", "''")
  return `START_REPLICATION SLOT ${postgresDialect.quote(slot)} LOGICAL ${lsn} (proto_version '1', publication_names '${quoted}')`
}

function every({ context: { clock } }: Following, ms: number, run: () => void): () => void {
  let cancel = (): void => undefined
  const arm = (): void => {
    cancel = clock.timer(ms, () => {
      run()
      arm()
    })
  }
  arm()
  return () => cancel()
}

/** The bytes are the client's, which writes over them: whatever is kept of them is read at once. */
function hear(run: Run, bytes: Buffer): void {
  const { queue, bell, session, context, settings } = run
  try {
    run.heardAt = context.clock.monotonic()
    const frame = readFrame(bytes)
    queue.hear(frame)
    if (frame.kind === 'alive' && frame.answer) tell(run, false)
    if (queue.full && !run.paused) {
      run.paused = true
      session.pause()
    }
    bell.ring()
  } catch (error) {
    bell.fail(
      new Error(`The log of "${settings.slot}" cannot be read: ${(error as Error).message}`, {
        cause: error,
      }),
    )
  }
}

async function step(run: Run): Promise<boolean> {
  const { bell, queue, context, settings, session } = run
  bell.check()
  const taken = queue.take(settings.batch)
  if (taken.changes.length > 0 || isDue(run, taken)) {
    if (!(await keep(run, taken))) return false
  }
  if (run.paused && queue.waiting < settings.batch) {
    run.paused = false
    run.heardAt = context.clock.monotonic()
    session.resume()
  }
  if (queue.waiting === 0) await bell.rung(context.clock, TELL_EVERY_MS)
  return true
}

function isDue({ kept, keptAt, context }: Run, { position }: Taken): boolean {
  return position.lsn !== kept.lsn && context.clock.monotonic() - keptAt >= KEEP_EVERY_MS
}

async function keep(run: Run, { changes, position }: Taken): Promise<boolean> {
  const { context } = run
  const messages: Incoming[] = []
  for (const each of changes) messages.push(...(await messagesOf(run, each, position.system)))
  if (!(await acceptWhenRoom(context, context.signal, messages, JSON.stringify(position)))) return false
  run.kept = position
  run.keptAt = context.clock.monotonic()
  tell(run, false)
  return true
}

async function messagesOf(
  { keys, ask }: Run,
  { change, relation, place }: QueuedChange,
  system: string,
): Promise<readonly Incoming[]> {
  const key = keys.get(relation) ?? (await keyOf(ask, relation.id))
  keys.set(relation, key)
  return changeMessages(change, relation, key, { ...place, system, lsn: lsnText(place.lsn) })
}

function tell({ session, kept, context }: Run, answer: boolean): void {
  session.send(statusFrame(readLsn(kept.lsn), context.clock.now(), answer))
}

function tellInTime(run: Run): void {
  const { context, paused, bell, settings } = run
  const silentMs = paused ? 0 : context.clock.monotonic() - run.heardAt
  if (silentMs <= 3 * SILENCE_MS) tell(run, silentMs > SILENCE_MS)
  else
    bell.fail(
      new Error(
        `Connection ended: the server has said nothing of the slot "${settings.slot}" for ${silentMs} ms`,
      ),
    )
}
