import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Reference } from '../../model/reference.ts'
import { configuredJournal, type WithValues } from '../configured-journal.ts'
import type { Journal, JournalEnvironment, JournalFactory } from '../journal.ts'
import { openToRead, openToWrite } from './postgres-journal.ts'
import { quoted } from './schema.ts'
import type { StoreOptions } from './store-options.ts'
import { openToTransfer } from './transfer-opening.ts'
import { openTransferSource } from './transfer-source.ts'
import { openTransferTarget } from './transfer-target.ts'

/** How a journal on PostgreSQL is kept. */
export interface PostgresOptions {
  /**
   * Where the database is: `postgres://user:password@host:port/database`, with `sslmode` and what else the package `pg`
   * reads; or a reference to it, `env('DATABASE_URL')` or `secret('DATABASE_URL')`, looked up when the engine starts.
   * A function is asked for each new connection, so that it can answer a password that changes.
   */
  readonly url: string | Reference | (() => string | undefined | Promise<string>)
  /** The schema that holds the journal and nothing else; up to 40 of a-z, 0-9 and _. @default 'linkspan' */
  readonly schema?: string | Reference
  /**
   * After which time without a sign of life others take over what an engine owns, by the clock of the database. The work
   * of a dead engine waits up to that long, unless it is started again on the same host. @default '10s'
   */
  readonly lease?: Duration
  /**
   * Into how many partitions the keys are cut, of which each engine owns some: more engines than that are of no use. It is
   * fixed when the schema is made. @default 32, or what the schema was made with
   */
  readonly partitions?: number
  /** How many connections read; one more writes, one keeps the lease, and up to three come and go. @default 2 */
  readonly readers?: number
  /** @default '5s' */
  readonly connectTimeout?: Duration
  /** When an answer is given up and asked for again on a new connection. @default '30s' */
  readonly answerTimeout?: Duration
  /**
   * Whether statements are prepared once per connection, which spares the server work. By default they are where the URL
   * leads to the server itself, and not where it leads to a pooler; set it for a pooler that knows prepared statements.
   */
  readonly preparedStatements?: boolean
  /** How many messages lie in one volume of the history, which is dropped as a whole when it is old. @default 1,000,000 */
  readonly volumeSize?: number
}

/**
 * A journal in a schema of a PostgreSQL database (14 or newer, UTF8), which several engines can share. It needs the package
 * `pg`: `npm install pg@8`. It goes through PgBouncer in transaction mode as well. The schema is made at the first
 * start. Where commits go to a standby too (`synchronous_standby_names`), what was accepted survives the loss of a server.
 *
 * @example
 * ```ts
 * import { env, postgres } from 'linkspan'
 * const journal = postgres({ url: env('DATABASE_URL'), schema: 'hub' })
 * ```
 */
export function postgres(options: PostgresOptions): JournalFactory {
  return configuredJournal('postgres', options, postgresAt)
}

function postgresAt(options: WithValues<PostgresOptions>): JournalFactory {
  const prepare = (environment: JournalEnvironment): StoreOptions => ({
    url: urlOf(options.url),
    schema: quoted(options.schema ?? 'linkspan'),
    leaseMs: atLeast('lease', durationMs(options.lease ?? '10s'), 1_000),
    partitions: options.partitions === undefined ? null : partitionsOf(options.partitions),
    readers: atLeast('readers', options.readers ?? 2, 1),
    connectTimeoutMs: durationMs(options.connectTimeout ?? '5s'),
    answerTimeoutMs: atLeast('answerTimeout', durationMs(options.answerTimeout ?? '30s'), 1),
    preparedStatements: options.preparedStatements ?? null,
    volumeSize: atLeast('volumeSize', options.volumeSize ?? 1_000_000, 1),
    environment,
  })
  return {
    kind: 'postgres',
    open: async (environment): Promise<Journal> => openToWrite(prepare(environment)),
    openForReading: async (environment): Promise<Journal> => openToRead(prepare(environment)),
    transfer: {
      openSource: async (environment) =>
        openToTransfer(prepare(environment), (link, place) => openTransferSource(link, place)),
      openTarget: async (environment, request) =>
        openToTransfer(prepare(environment), (link, place) => openTransferTarget(link, place, request)),
    },
  }
}

const MOST_PARTITIONS = 1024

function partitionsOf(given: number): number {
  if (given <= MOST_PARTITIONS) return atLeast('partitions', given, 1)
  throw new LinkspanError(
    'CONFIG_INVALID',
    `"partitions" of the journal on PostgreSQL is ${given}; it can be up to ${MOST_PARTITIONS}.`,
    { details: { name: 'partitions', value: given } },
  )
}

function atLeast(name: string, value: number, least: number): number {
  if (value >= least && Number.isInteger(value)) return value
  throw new LinkspanError(
    'CONFIG_INVALID',
    `"${name}" of the journal on PostgreSQL is ${value}; it has to be a whole number, ${least} or more.`,
    { details: { name, value } },
  )
}

/** Answers a function that answers a URL; nothing of a wrong one is told, as it may be a password. */
function urlOf(url: WithValues<PostgresOptions>['url']): () => Promise<string> {
  return async () => {
    const found = typeof url === 'function' ? await url() : url
    const fault = faultOf(found)
    if (fault === null) return found as string
    throw new LinkspanError('CONFIG_INVALID', `The url of the journal on PostgreSQL ${fault}`)
  }
}

/** The client tells a URL that it cannot read in its error; so it never gets one. */
function faultOf(url: unknown): string | null {
  if (url === undefined || url === '') return `is missing. ${EXPECTED}`
  if (typeof url !== 'string' || !/^postgres(?:ql)?:\/\//.test(url))
    return `is not a URL of a database. ${EXPECTED}`
  // A user without a host stands before a socket's path, which the client takes and a URL does not.
  const readable = URL.canParse(url.replace('@/', '@localhost/')) && !url.includes('#')
  return readable
    ? null
    : 'cannot be read as a URL. In a user and password, write what is neither letter nor digit in percent-encoding: # as %23, / as %2F, @ as %40.'
}

const EXPECTED = 'It begins with postgres://, as in postgres://user:password@host:5432/database.'
