import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Order {
  readonly id: string
  readonly lines: readonly string[]
}

const kitchen = httpConnection('kitchen')
const cook = kitchen.post({
  name: 'cook',
  path: '/orders',
  body: (order: Order) => order,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const cookOrders = flow('cook orders')
  .from(inbox<Order>(), { key: (order) => order.id })
  .log('ordered', (order) => ({ order: order.id, lines: order.lines.length }))
  .to('cook', cook)

export const example = patternExample({
  flows: [cookOrders],
  input: ({ send }) => {
    send({ id: 'a', lines: ['soup', 'bread'] })
  },
  outcome: (flows) => {
    const lines = flows.log.filter((line) => JSON.stringify(line).includes('"lines":2'))
    deepEqual(lines.length, 1)
    deepEqual(flows.applied('kitchen.cook').length, 1)
  },
})
