import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Order {
  readonly id: string
  readonly paid: boolean
}

const warehouse = httpConnection('warehouse')
const ship = warehouse.post({
  name: 'ship',
  path: '/parcels',
  body: (order: Order) => ({ order: order.id }),
  guarantee: { kind: 'key', validFor: '24h' },
})

export const shipPaid = flow('ship paid orders')
  .from(inbox<Order>(), { key: (order) => order.id })
  .filter('paid', (order) => order.paid)
  .to('ship', ship)

export const example = patternExample({
  flows: [shipPaid],
  input: ({ send }) => {
    send({ id: 'a', paid: true })
    send({ id: 'b', paid: false })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('warehouse.ship'), [{ id: 'a', paid: true }])
    deepEqual(
      (await flows.messages()).map(({ state }) => state),
      ['done', 'filtered'],
    )
  },
})
