import { deepEqual } from 'node:assert/strict'
import { channel, flow, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const event = z.object({ topic: z.string(), about: z.string() })
type Event = z.infer<typeof event>

const office = httpConnection('office')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = ({ about }: Event) => ({ about })
const bill = office.post({ name: 'bill', path: '/bills', body, guarantee })
const ship = office.post({ name: 'ship', path: '/parcels', body, guarantee })

const billing = channel<Event>('billing')
const shipping = channel<Event>('shipping')

// Senders know the hub only; who receives what is decided here.
export const hub = flow('hub')
  .from(route.post('/events', { schema: event }), { key: (e) => e.about })
  .choice('topic', (c) =>
    c
      .when(
        'paid',
        (e) => e.topic === 'order.paid',
        (e) => e.publish('to shipping', shipping),
      )
      .when(
        'placed',
        (e) => e.topic === 'order.placed',
        (e) => e.publish('to billing', billing),
      ),
  )

export const bills = flow('bills')
  .from(billing, { key: (e) => e.about })
  .to('bill', bill)
export const parcels = flow('parcels')
  .from(shipping, { key: (e) => e.about })
  .to('ship', ship)

export const example = patternExample({
  flows: [hub, bills, parcels],
  input: ({ send }) => {
    send({ topic: 'order.placed', about: 'a' })
    send({ topic: 'order.paid', about: 'a' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('office.bill').length, 1)
    deepEqual(flows.applied('office.ship').length, 1)
  },
})
