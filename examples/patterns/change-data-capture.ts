import { deepEqual } from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { createEngine, flow } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { sqlConnection, sqliteDatabase } from 'linkspan/sql'
import { patternExample } from './lib/pattern-example.ts'

interface Product {
  readonly id: string
  readonly title: string
  readonly changed: number
}

const shop = sqlConnection('shop')
const search = sqlConnection('search')
const put = search.upsert<Product>({
  name: 'put',
  table: 'products',
  key: ['id'],
  columns: ['id', 'title', 'changed'],
})

// By the time of its last change. On PostgreSQL, `shop.capture` reads the log instead, and misses nothing in between.
export const follow = flow('follow products')
  .from(shop.changes<Product>({ name: 'products', table: 'products', at: 'changed', key: 'id' }), {
    key: (product) => product.id,
  })
  .to('put', put)

export const example = patternExample({
  flows: [follow],
  input: ({ send }) => {
    send({ id: 'rope', title: 'Rope', changed: 1_700_000_000 })
    send({ id: 'rope', title: 'Rope, 20 m', changed: 1_700_000_060 })
  },
  outcome: async (flows) => {
    deepEqual(
      flows.applied('search.put').map((row) => (row as Product).title),
      ['Rope', 'Rope, 20 m'],
    )
    await followARealTable()
  },
})

/** The source itself, on tables of SQLite: what changed while the engine was down comes when it is back. */
async function followARealTable(): Promise<void> {
  const from = new DatabaseSync(':memory:')
  const to = new DatabaseSync(':memory:')
  for (const database of [from, to])
    database.exec(
      'create table products (id text primary key, title text not null, changed integer not null)',
    )
  const journal = simulated()
  const untilFollowed = async (): Promise<void> => {
    const connections = {
      shop: { driver: sqliteDatabase(from) },
      search: { driver: sqliteDatabase(to) },
    }
    const engine = createEngine(
      { journal, flows: [follow], connections, http: false },
      { outside: { logger: { log: () => undefined } } },
    )
    await engine.start()
    while (titles(to) !== titles(from)) await new Promise((resolve) => setTimeout(resolve, 5))
    await engine.stop()
  }
  from.exec("insert into products values ('rope', 'Rope', 1700000000), ('hook', 'Hook', 1700000001)")
  await untilFollowed()
  from.exec("update products set title = 'Rope, 20 m', changed = 1700000060 where id = 'rope'")
  await untilFollowed()
  from.close()
  to.close()
}

const titles = (database: DatabaseSync): string =>
  JSON.stringify(database.prepare('select id, title from products order by id').all())
