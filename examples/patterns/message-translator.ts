import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface ShopOrder {
  readonly number: number
  readonly lines: readonly { readonly article: string; readonly count: number; readonly cents: number }[]
}

interface Invoice {
  readonly id: string
  readonly positions: number
  readonly total: string
}

const books = httpConnection('books')
const enter = books.put({
  name: 'enter',
  path: (invoice: Invoice) => path`/invoices/${invoice.id}`,
  body: (invoice: Invoice) => invoice,
})

export const invoices = flow('invoices')
  .from(inbox<ShopOrder>(), { key: (order) => order.number })
  .map('invoice', (order): Invoice => {
    const cents = order.lines.reduce((sum, line) => sum + line.count * line.cents, 0)
    return { id: `shop-${order.number}`, positions: order.lines.length, total: (cents / 100).toFixed(2) }
  })
  .to('enter', enter)

export const example = patternExample({
  flows: [invoices],
  input: ({ send }) => {
    send({ number: 7, lines: [{ article: 'rope', count: 3, cents: 450 }] })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('books.enter'), [{ id: 'shop-7', positions: 1, total: '13.50' }])
  },
})
