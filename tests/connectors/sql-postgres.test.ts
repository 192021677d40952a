import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, connect, marked, until } from '../../packages/linkspan/src/connect/sql/fixtures/database.ts'
import { operationsSuite } from '../../packages/linkspan/src/connect/sql/fixtures/operations-suite.ts'
import { onPostgres } from '../../packages/linkspan/src/connect/sql/fixtures/postgres.ts'
import { sourcesSuite } from '../../packages/linkspan/src/connect/sql/fixtures/sources-suite.ts'
import { outboxStatement, pgPool, sql, sqlConnection } from '../../packages/linkspan/src/connect/sql/index.ts'
import { type TestPostgres, testPostgres } from '../postgres-server/index.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server?.stop())

const database = async () => onPostgres(await server.database())

operationsSuite('PostgreSQL', database)
sourcesSuite('PostgreSQL', database)

describe('a PostgreSQL connection', () => {
  it('reads every type as JSON has it, whatever the pool of the application makes of them', async () => {
    const pool = new Pool({ connectionString: await server.database() })
    const client = await connect({ driver: pgPool(pool) })
    const [row] = await ask(
      client,
      `select 9007199254740993::bigint as large, 1.50::numeric as exact, true as yes, '2026-01-02'::date as day,
       '2026-01-02 03:04:05.678901+00'::timestamptz at time zone 'UTC' as wall, '{"a":[1]}'::jsonb as json,
       decode('00ff', 'hex') as bytes, array[1, null, 3] as numbers, array['a,b', 'c"d', null] as texts, null as nil,
       'infinity'::float8 as endless, array[[1], [2]] as deep`,
    )
    expect(row).toEqual({
      large: '9007199254740993',
      exact: '1.50',
      yes: true,
      day: '2026-01-02',
      wall: '2026-01-02T03:04:05.678901',
      json: { a: [1] },
      bytes: 'AP8=',
      numbers: [1, null, 3],
      texts: ['a,b', 'c"d', null],
      nil: null,
      endless: 'Infinity',
      deep: '{{1},{2}}',
    })
    await client.close()
    // It is the application's, and stays open.
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    await pool.end()
  })

  it('sends what the application put into the outbox by its own pool, if its transaction commits', async () => {
    const pool = new Pool({ connectionString: await server.database() })
    const client = await connect({ driver: pgPool(pool) })
    const take = sqlConnection('db').outbox<{ n: number }>({ topic: 'orders' })
    const { fakeEngine, keepingLogger, seededRandom } = await import(
      '../../packages/linkspan/src/connect/fixtures/world.ts'
    )
    const engine = fakeEngine(client.clock, seededRandom(1), keepingLogger())
    const { context, end } = engine.open(client)
    const source = await take.start?.(context)
    const exists = () => pool.query("select to_regclass('linkspan_outbox') as name")
    await until(async () => (await exists()).rows[0].name !== null)
    for (const [n, word] of [
      [1, 'rollback'],
      [2, 'commit'],
    ] as const) {
      const own = await pool.connect()
      await own.query('begin')
      await own.query(outboxStatement('postgres', { topic: 'orders', body: { n } }))
      await own.query(word)
      own.release()
    }
    await until(() => engine.accepted.length > 0)
    expect(engine.accepted).toEqual([{ body: { n: 2 } }])
    end()
    await source?.stop()
    await client.close()
    await pool.end()
  })

  it('that is given up in the middle of a transaction leaves nothing behind, and no connection', async () => {
    const url = await server.database()
    const client = await connect({ url })
    await ask(client, 'create table items (id text primary key)')
    const slow = sqlConnection('db').execute<undefined>({
      name: 'slow',
      statement: () => [sql`insert into items (id) values ('a')`, sql`select pg_sleep(600)`],
    })
    const life = new AbortController()
    const running = slow
      .run(client, undefined, marked('m', { signal: life.signal }))
      .catch((thrown: unknown) => thrown)
    const sleeping = () => ask(client, "select 1 as one from pg_stat_activity where wait_event = 'PgSleep'")
    await until(async () => (await sleeping()).length === 1)
    life.abort(new Error('The engine stops.'))
    expect(await running).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    await ask(client, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
    await until(async () => (await sleeping()).length === 0)
    expect(await ask(client, 'select count(*)::int as n from items')).toEqual([{ n: 0 }])
    await client.close()
  })

  it('that was ended by an administrator says whether its statement may have taken effect', async () => {
    const url = await server.database()
    const client = await connect({ url })
    const sleep = (name: string, guarantee: { kind: 'natural' } | undefined) =>
      guarantee === undefined
        ? sqlConnection('db').execute<undefined>({ name, statement: () => sql`select pg_sleep(600)` })
        : sqlConnection('db').query<undefined>({ name, statement: () => sql`select pg_sleep(600)` })
    for (const [guarantee, applied] of [
      [undefined, 'no'],
      [{ kind: 'natural' }, 'unknown'],
    ] as const) {
      const running = sleep('sleep', guarantee)
        .run(client, undefined, marked(`m-${applied}`))
        .catch((thrown: unknown) => thrown)
      const end = () =>
        ask(client, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'")
      await until(async () => (await end()).length === 1)
      expect(await running).toMatchObject({
        code: 'CALL_FAILED',
        retry: 'later',
        applied,
        details: { state: '57P01' },
      })
    }
    await client.close()
  })
})
