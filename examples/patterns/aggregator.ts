import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Sale {
  readonly customer: string
  readonly amount: number
}

interface Bill {
  readonly customer: string
  readonly sum: number
  readonly sales: number
}

const books = httpConnection('books')
const enter = books.post({
  name: 'enter',
  path: '/bills',
  body: (bill: Bill) => bill,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const billing = flow('billing')
  .from(inbox<Sale>(), { key: (sale) => sale.customer })
  .aggregate('sales of a customer', {
    key: (sale) => sale.customer,
    initial: () => 0,
    add: (sum, sale) => sum + sale.amount,
    complete: { size: 3, maxAge: '1d' },
    result: (sum, { key, count }): Bill => ({ customer: key, sum, sales: count }),
  })
  .to('enter', enter)

export const example = patternExample({
  flows: [billing],
  input: ({ send }) => {
    for (const amount of [10, 20, 30, 5]) send({ customer: 'ada', amount })
    send({ customer: 'bob', amount: 7 })
  },
  outcome: async (flows) => {
    // Three sales of ada's at once; the others when their day is over, whatever crashes in between.
    deepEqual(flows.applied('books.enter').slice(0, 1), [{ customer: 'ada', sum: 60, sales: 3 }])
    flows.crash()
    await flows.restart()
    await flows.advance('1d')
    await flows.run()

    // Eve's is due at once, as somebody says so: linkspan groups complete billing 'sales of a customer' --key eve
    await flows.send({ customer: 'eve', amount: 9 })
    await flows.completeGroups(billing, 'sales of a customer', 'eve')
    await flows.run()
    const bills = flows.applied('books.enter') as readonly Bill[]
    deepEqual(
      bills.slice(1).toSorted((a, b) => a.sum - b.sum),
      [
        { customer: 'ada', sum: 5, sales: 1 },
        { customer: 'bob', sum: 7, sales: 1 },
        { customer: 'eve', sum: 9, sales: 1 },
      ],
    )
  },
})
