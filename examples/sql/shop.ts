import { CompiledQuery, type Generated, type Kysely } from 'kysely'
import { flow } from 'linkspan'
import { outboxStatement, sql, sqlConnection } from 'linkspan/sql'

/** The tables as the application's own query builder knows them. */
export interface ShopTables {
  readonly orders: { readonly id: string; readonly customer: string; readonly total: number }
  readonly customers: { readonly id: string; readonly spent: Generated<number> }
}

/** What the application tells the rest of the world. */
export interface OrderPlaced {
  readonly order: string
  readonly customer: string
  readonly total: number
}

/** The application: an order and its message are written by Kysely in one transaction, or neither is. */
export async function placeOrder(shop: Kysely<ShopTables>, placed: OrderPlaced): Promise<void> {
  const { order: id, customer, total } = placed
  await shop.transaction().execute(async (transaction) => {
    await transaction.insertInto('orders').values({ id, customer, total }).execute()
    const { text, values } = outboxStatement('postgres', {
      topic: 'orders',
      key: customer,
      body: { order: id, customer, total },
    })
    await transaction.executeQuery(CompiledQuery.raw(text, values))
  })
}

const database = sqlConnection('shop')

const addUp = database.execute({
  name: 'add up',
  statement: ({ customer, total }: OrderPlaced) =>
    sql`insert into customers (id, spent) values (${customer}, ${total})
        on conflict (id) do update set spent = customers.spent + excluded.spent`,
})

/** The integration: each message of the outbox is added up once, on the pool that Kysely has too. */
export const addUpOrders = flow('add-up-orders')
  .from(database.outbox<OrderPlaced>({ topic: 'orders', every: '100ms' }))
  .to('add up', addUp)
