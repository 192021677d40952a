import { Kysely, PostgresDialect } from 'kysely'
import { createEngine } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { pgPool, sqlTables } from 'linkspan/sql'
import { Pool } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestPostgres, testPostgres } from '../../tests/postgres-server/index.ts'
import { addUpOrders, placeOrder, type ShopTables } from './shop.ts'

let server: TestPostgres
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server?.stop())

it('shares a pool with Kysely: what the application commits is added up once, and what it rolls back is not', async () => {
  const pool = new Pool({ connectionString: await server.database() })
  const shop = new Kysely<ShopTables>({ dialect: new PostgresDialect({ pool }) })
  await pool.query('create table orders (id text primary key, customer text not null, total int not null)')
  await pool.query('create table customers (id text primary key, spent int not null default 0)')
  // As a migration of the application would.
  const tables = { inbox: 'linkspan_inbox', outbox: 'linkspan_outbox' }
  for (const statement of sqlTables('postgres', tables)) await pool.query(statement)

  const engine = createEngine(
    {
      journal: simulated(),
      flows: [addUpOrders],
      http: false,
      connections: { shop: { driver: pgPool(pool), createTables: false } },
    },
    { outside: { logger: { log: () => undefined } } },
  )
  await engine.start()
  for (let n = 0; n < 20; n++) await placeOrder(shop, { order: `o-${n}`, customer: `c-${n % 3}`, total: n })
  await expect(placeOrder(shop, { order: 'o-7', customer: 'c-1', total: 1_000 })).rejects.toThrow(/duplicate/)

  const added = async () => (await pool.query('select 1 from linkspan_inbox')).rows.length
  while ((await added()) < 20) await new Promise((resolve) => setTimeout(resolve, 5))
  await engine.stop()

  const customers = await shop.selectFrom('customers').selectAll().orderBy('id').execute()
  expect(customers).toEqual([
    { id: 'c-0', spent: 63 },
    { id: 'c-1', spent: 70 },
    { id: 'c-2', spent: 57 },
  ])
  await shop.destroy()
})
