import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { newMessage, ownerOf, range } from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { testJournal } from '../../../packages/linkspan/src/testing/test-journal.ts'
import { answers } from '../../../scripts/lib/loopback.ts'
import { pgbouncer } from '../../../scripts/services/pgbouncer.ts'
import { ask, begun, freshEnvironment, postgresRig } from './rig.ts'
import { sharedPostgresRig } from './shared-rig.ts'

const given =
  process.env['LINKSPAN_TEST_PGBOUNCER_URL'] ?? String(pgbouncer.environment['LINKSPAN_TEST_PGBOUNCER_URL'])
const up = await answers(Number(new URL(given).port))
const database = `linkspan_pooled_${process.pid}`

describe.skipIf(!up)(
  `through PgBouncer in transaction mode${up ? '' : ' (bring it up with npm run services)'}`,
  () => {
    const url = Object.assign(new URL(given), { pathname: `/${database}` }).href

    beforeAll(() => ask(given, `CREATE DATABASE ${database}`).then(() => undefined))
    afterAll(() => ask(given, `DROP DATABASE ${database} WITH (FORCE)`).then(() => undefined))

    testJournal(test, {
      name: 'pooled',
      make: async () => postgresRig(url),
      makeShared: async () => sharedPostgresRig(url, 7),
    })

    it('knows that it is there, and prepares nothing', async () => {
      const { environment, remove } = freshEnvironment()
      const journal = await begun(postgres({ url, schema: 'probe' }).open(environment))
      const owner = ownerOf(journal)
      const others = await Promise.all(range(1, 6).map(() => connected(url)))
      // Others of the pool take the servers in between.
      for (let round = 0; round < 20; round++) {
        const busy = others.map((client) => client.query('SELECT pg_sleep(0.005)'))
        await owner.commit({ accept: [newMessage({ ready: true })] })
        await journal.backlog.page('orders', 0, 10)
        await Promise.all(busy)
      }
      expect((await journal.history.query({ limit: 100 })).length).toBe(20)
      const prepared = await Promise.all(
        others.map((client) => client.query('SELECT name FROM pg_prepared_statements')),
      )
      expect(prepared.flatMap(({ rows }) => rows)).toEqual([])
      for (const client of others) await client.end()
      await journal.close()
      remove()
    })
  },
)

async function connected(url: string): Promise<Client> {
  const client = new Client(url)
  await client.connect()
  return client
}
