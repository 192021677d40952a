import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { startPostgres } from './start-postgres.ts'

/** Databases for tests, on the server that `LINKSPAN_TEST_POSTGRES_URL` names or on one started for them. */
export interface TestPostgres {
  /** Makes an empty database and answers its URL. */
  database(): Promise<string>
  /** Drops the databases, and ends the server if it was started here. */
  stop(): Promise<void>
}

export const urlVariable = 'LINKSPAN_TEST_POSTGRES_URL'

/** The user of the URL has to be allowed to make databases. */
export async function testPostgres(given = process.env[urlVariable]): Promise<TestPostgres> {
  const own = given === undefined || given === '' ? await startPostgres() : null
  const url = own?.url ?? String(given)
  const made: string[] = []
  return {
    async database() {
      const name = `linkspan_test_${randomBytes(6).toString('hex')}`
      await run(url, `create database ${name}`)
      made.push(name)
      return urlOf(url, name)
    },
    async stop() {
      if (own !== null) return own.stop()
      for (const name of made.splice(0)) await run(url, `drop database if exists ${name} with (force)`)
    },
  }
}

async function run(url: string, statement: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function urlOf(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}
