import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Journal, JournalEnvironment, JournalFactory } from '../journal.ts'
import { openToRead, openToWrite, type StoreOptions } from './postgres-journal.ts'
import { quoted } from './schema.ts'

/** How a journal on PostgreSQL is kept. */
export interface PostgresOptions {
  /**
   * Where the database is: `postgres://user:password@host:port/database`, with `sslmode` and what else the package `pg`
   * reads. A function is asked for each new connection, so that it can take it from the environment or answer a password
   * that changes: `() => process.env['DATABASE_URL']`.
   */
  readonly url: string | (() => string | undefined | Promise<string>)
  /** The schema that holds the journal and nothing else; up to 40 of a-z, 0-9 and _. @default 'linkspan' */
  readonly schema?: string
  /**
   * After which time without a sign of life another engine may take the journal over, by the clock of the database. A
   * restart after a crash waits up to that long. @default '10s'
   */
  readonly lease?: Duration
  /** How many connections read; one more writes, and up to three come and go. @default 2 */
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
 * A journal in a schema of a PostgreSQL database (14 or newer, UTF8), for one engine at a time. It needs the package
 * `pg`: `npm install pg@8`. It goes through PgBouncer in transaction mode as well. The schema is made at the first
 * start. Where commits go to a standby too (`synchronous_standby_names`), what was accepted survives the loss of a server.
 *
 * @example
 * ```ts
 * import { postgres } from 'linkspan/journal'
 * const journal = postgres({ url: () => process.env['DATABASE_URL'], schema: 'hub' })
 * ```
 */
export function postgres(options: PostgresOptions): JournalFactory {
  const prepare = (environment: JournalEnvironment): StoreOptions => ({
    url: urlOf(options.url),
    schema: quoted(options.schema ?? 'linkspan'),
    leaseMs: atLeast('lease', durationMs(options.lease ?? '10s'), 1_000),
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
  }
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
function urlOf(url: PostgresOptions['url']): () => Promise<string> {
  return async () => {
    const found = typeof url === 'function' ? await url() : url
    if (typeof found === 'string' && /^postgres(?:ql)?:\/\//.test(found)) return found
    const what = found === undefined || found === '' ? 'is missing' : 'is not a URL of a database'
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The url of the journal on PostgreSQL ${what}. It begins with postgres://, as in postgres://user:password@host:5432/database.`,
    )
  }
}
