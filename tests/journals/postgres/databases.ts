/** Databases for the tests of a file, made before them and given up after them. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Journal, JournalEnvironment } from '../../../packages/linkspan/src/journal/journal.ts'
import { type PostgresOptions, postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { ask, begun, freshEnvironment } from './rig.ts'

/** What each test has for itself; to be read in a test, not beside it. */
export interface OwnDatabase {
  readonly url: string
  readonly environment: JournalEnvironment
  /** Opens a journal, in this database where the options name no other; it is closed after the test. */
  open(options?: Partial<PostgresOptions>): Promise<Journal>
  /** Closes what was opened, for a test that cannot wait for its end. */
  close(): Promise<void>
  /** Asks this database on a connection of its own. */
  ask(text: string, values?: readonly unknown[]): ReturnType<typeof ask>
  /** Makes one more database. */
  another(): Promise<string>
}

/** One database for all tests of a file. Answers its URL, once the tests run. */
export function databasePerFile(): () => string {
  const server = serverOfFile()
  let url = ''
  beforeAll(async () => {
    url = await server().database()
  })
  return () => url
}

/** A new database and a fresh environment for each test of a file. */
export function databasePerTest(): OwnDatabase {
  const server = serverOfFile()
  const opened: Journal[] = []
  let url: string
  let fresh: ReturnType<typeof freshEnvironment>
  const close = async (): Promise<void> => {
    for (const journal of opened.splice(0)) await journal.close()
  }
  beforeEach(async () => {
    url = await server().database()
    fresh = freshEnvironment()
  })
  afterEach(async () => {
    await close()
    fresh.remove()
  })
  return {
    get url() {
      return url
    },
    get environment() {
      return fresh.environment
    },
    open: async (options = {}) => {
      const journal = await begun(postgres({ url, ...options }).open(fresh.environment))
      opened.push(journal)
      return journal
    },
    close,
    ask: (text, values) => ask(url, text, values),
    another: () => server().database(),
  }
}

function serverOfFile(): () => TestPostgres {
  let server: TestPostgres
  beforeAll(async () => {
    server = await testPostgres()
  })
  afterAll(() => server.stop())
  return () => server
}
