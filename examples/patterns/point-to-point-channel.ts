import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Order {
  readonly id: string
}

const kitchen = httpConnection('kitchen')
const cook = kitchen.post({
  name: 'cook',
  path: '/orders',
  body: (order: Order) => order,
  guarantee: { kind: 'key', validFor: '24h' },
})

const orders = channel<Order>('orders')

export const fromWeb = flow('orders from the web').from(inbox<Order>()).publish('ordered', orders)
export const byPhone = flow('orders by phone').from(inbox<Order>()).publish('ordered', orders)
export const cooking = flow('cooking').from(orders).to('cook', cook)

export const example = patternExample({
  flows: [fromWeb, byPhone, cooking],
  input: async ({ send, sendTo, run }) => {
    send({ id: 'web 1' })
    await run()
    sendTo(byPhone, { id: 'phone 1' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('kitchen.cook'), [{ id: 'web 1' }, { id: 'phone 1' }])
  },
})
