import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Order {
  readonly id: string
  readonly total: number
}

const office = httpConnection('office')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = (order: Order) => order
const check = office.post({ name: 'check', path: '/checks', body, guarantee })
const ship = office.post({ name: 'ship', path: '/parcels', body, guarantee })

const large = channel<Order>('large orders')
const small = channel<Order>('small orders')

export const routeOrders = flow('route orders')
  .from(inbox<Order>(), { key: (order) => order.id })
  .choice('size', (c) =>
    c
      .when(
        'large',
        (order) => order.total > 1000,
        (order) => order.publish('large', large),
      )
      .otherwise((order) => order.publish('small', small)),
  )

export const checkLarge = flow('check large orders').from(large).to('check', check)
export const shipSmall = flow('ship small orders').from(small).to('ship', ship)

export const example = patternExample({
  flows: [routeOrders, checkLarge, shipSmall],
  input: ({ send }) => {
    send({ id: 'a', total: 20 })
    send({ id: 'b', total: 5000 })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('office.check'), [{ id: 'b', total: 5000 }])
    deepEqual(flows.applied('office.ship'), [{ id: 'a', total: 20 }])
  },
})
