import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Sale {
  readonly article: string
  readonly count: number
}

const supplier = httpConnection('supplier')
const order = supplier.post({
  name: 'order',
  path: '/orders',
  body: (sale: { article: string }) => sale,
  guarantee: { kind: 'key', validFor: '24h' },
})

const low = channel<{ article: string }>('low stock')

// The stock, what is published and the end of the message are one commit: all of it or nothing.
export const sell = flow('sell')
  .from(inbox<Sale>(), { key: (sale) => sale.article })
  .state('stock', { initial: () => 3, as: 'left' }, (stock, sale) => ({
    state: stock - sale.count,
    result: stock - sale.count,
  }))
  .filter('low', (_sale, { left }) => left < 2)
  .publish('tell', low, { body: (sale) => ({ article: sale.article }) })

export const restock = flow('restock')
  .from(low, { key: (one) => one.article })
  .to('order', order)

export const example = patternExample({
  flows: [sell, restock],
  input: ({ send }) => {
    send({ article: 'rope', count: 1 })
    send({ article: 'rope', count: 1 })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('supplier.order'), [{ article: 'rope' }])
  },
})
