import type { Clock, Logger } from '../../model/outside.ts'
import type { CallContext, ConnectEnvironment } from '../connector.ts'
import type { Dialect } from './dialect.ts'
import type { SqlDriver } from './driver.ts'
import { sqlError } from './failure.ts'
import { type Inbox, inboxIn } from './inbox.ts'
import { openDriver } from './open-driver.ts'
import type { OpenSession } from './postgres-session.ts'
import { render, type Statement, sql } from './sql.ts'
import type { ReadSqlConfig } from './sql-config.ts'
import { alone, type Moment, plain, type SqlResult, transaction, type Work } from './work.ts'

/** What ends a call early, for its client. */
export interface Patience {
  readonly signal: AbortSignal
}

/** A database as the operations and sources of a connection use it. */
export interface SqlClient {
  readonly dialect: Dialect
  readonly clock: Clock
  readonly inbox: Inbox
  /** Makes statements take effect all together or not at all. */
  together<T>(what: string, body: () => Work<T>, patience: Patience): Promise<T>
  /** The same, with the inbox at hand; its table is made before, where it is missing. */
  once<T>(what: string, body: () => Work<T>, patience: Patience): Promise<T>
  /** Runs statements one by one, each a transaction by itself. */
  each<T>(what: string, body: (run: Run) => Work<T>, patience: Patience): Promise<T>
  /** Makes tables where they are missing, once, unless the project makes them. */
  ensure(name: string, statements: readonly string[], patience: Patience): Promise<void>
  /** Makes connections to PostgreSQL beside its pool; null where it cannot. */
  readonly openSession: OpenSession | null
  close(): Promise<void>
}

/** Runs one statement, as a transaction by itself. */
export type Run = (statement: Statement) => Work<SqlResult>

const PRUNE_EVERY_MS = 60_000

/** Makes the client of a connection. */
export async function sqlClient(config: ReadSqlConfig, environment: ConnectEnvironment): Promise<SqlClient> {
  const driver = await openDriver(config, environment)
  return clientOf(driver, config, environment)
}

interface Keeping {
  readonly driver: SqlDriver
  readonly inbox: Inbox
  readonly clock: Clock
  readonly logger: Logger
}

function clientOf(
  driver: SqlDriver,
  config: ReadSqlConfig,
  { clock, logger }: ConnectEnvironment,
): SqlClient {
  const { dialect } = driver
  const inbox = inboxIn(dialect, config.inbox)
  const ending = new AbortController()
  const pruning = createPruning({ driver, inbox, clock, logger }, ending.signal)
  const made = new Map<string, Promise<void>>()

  const run = async <T>(
    what: string,
    { signal }: Patience,
    moment: Moment,
    work: () => Work<T>,
  ): Promise<T> => {
    const until = AbortSignal.any([signal, ending.signal])
    try {
      return await driver.run(() => {
        moment.open = false
        return work()
      }, until)
    } catch (thrown) {
      const aborted = until.aborted ? { reason: until.reason } : null
      throw sqlError(thrown, { what, dialect, open: moment.open, aborted })
    }
  }

  const together: SqlClient['together'] = (what, body, patience) => {
    const moment = { open: false }
    return run(what, patience, moment, () => transaction(dialect.begin, moment, body))
  }

  /** A failure is not kept: the next call tries again. */
  const ensure: SqlClient['ensure'] = (name, statements, { signal }) => {
    if (!config.createTables) return Promise.resolve()
    const present = made.get(name)
    if (present !== undefined) return present
    const make = (): Promise<void> =>
      run(`Making the table "${name}"`, { signal }, { open: false }, () =>
        makeMissing(dialect, name, statements),
      )
    // Two who make the same table at the same time get in each other's way, however they ask.
    const making = make().catch(make)
    made.set(name, making)
    making.catch(() => made.delete(name))
    return making
  }

  return {
    dialect,
    clock,
    inbox,
    together,
    ensure,
    openSession: driver.openSession ?? null,
    async once(what, body, patience) {
      await ensure(config.inbox, inbox.tables, patience)
      const value = await together(what, body, patience)
      pruning.now()
      return value
    },
    each: (what, body, patience) => {
      const moment = { open: false }
      return run(what, patience, moment, () => body((statement) => alone(moment, statement)))
    },
    async close() {
      ending.abort(new Error('The connection was closed.'))
      await pruning.ended()
      await driver.close()
    },
  }
}

/** Looks before it makes, as one who may use a table need not be one who may make it. */
function* makeMissing(dialect: Dialect, name: string, statements: readonly string[]): Work<void> {
  try {
    yield render(sql`select 1 from ${sql.name(name)} where 1 = 0`, dialect)
  } catch {
    for (const text of statements) yield plain(text)
  }
}

/** Forgets old marks beside the calls, a batch at a time, and at most once a minute. */
function createPruning(
  { driver, inbox, clock, logger }: Keeping,
  signal: AbortSignal,
): { now(): void; ended(): Promise<void> } {
  let last = clock.monotonic()
  let running: Promise<void> | null = null

  const prune = async (): Promise<void> => {
    try {
      while ((await driver.run(() => inbox.prune(), signal)) > 0);
    } catch (error) {
      if (!signal.aborted) logger.log('warn', 'sql.inbox', { error: (error as Error).message })
    } finally {
      running = null
    }
  }

  return {
    now() {
      if (running !== null || clock.monotonic() - last < PRUNE_EVERY_MS) return
      last = clock.monotonic()
      running = prune()
    },
    ended: async () => running ?? undefined,
  }
}

/** The time limit of calls that are made together: the longest of theirs. */
export async function withLimit<T>(
  clock: Clock,
  calls: readonly CallContext[],
  run: (patience: Patience) => Promise<T>,
): Promise<T> {
  const end = new AbortController()
  const longest = calls.reduce((most, { timeoutMs }) => Math.max(most, timeoutMs), 0)
  const cancel = Number.isFinite(longest)
    ? clock.timer(Math.min(longest, LONGEST_TIMER_MS), () =>
        end.abort(new DOMException('Time limit', 'TimeoutError')),
      )
    : () => undefined
  try {
    return await run({ signal: end.signal })
  } finally {
    cancel()
  }
}

/** What a timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
