import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Sale {
  readonly order: string
}

const office = httpConnection('office')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = (sale: Sale) => sale
const ship = office.post({ name: 'ship', path: '/parcels', body, guarantee })
const bill = office.post({ name: 'bill', path: '/invoices', body, guarantee })

const sold = channel<Sale>('sold', { kind: 'topic' })

export const sell = flow('sell')
  .from(inbox<{ id: string }>(), { key: (sale) => sale.id })
  .publish('sold', sold, { body: (sale) => ({ order: sale.id }) })
export const shipping = flow('shipping')
  .from(sold, { key: (sale) => sale.order })
  .to('ship', ship)
export const billing = flow('billing')
  .from(sold, { key: (sale) => sale.order })
  .to('bill', bill)

export const example = patternExample({
  flows: [sell, shipping, billing],
  input: ({ send }) => {
    send({ id: 'a' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('office.ship'), [{ order: 'a' }])
    deepEqual(flows.applied('office.bill'), [{ order: 'a' }])
    deepEqual(
      (await flows.messages()).map((message) => message.flow),
      ['sell', 'shipping', 'billing'],
    )
  },
})
