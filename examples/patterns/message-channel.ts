import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

const warehouse = httpConnection('warehouse')
const pack = warehouse.post({
  name: 'pack',
  path: '/parcels',
  body: (parcel: { order: string }) => parcel,
  guarantee: { kind: 'key', validFor: '24h' },
})

const parcels = channel<{ order: string }>('parcels')

export const takeOrders = flow('take orders')
  .from(inbox<{ id: string; customer: string }>(), { key: (order) => order.customer })
  .publish('to be packed', parcels, { body: (order) => ({ order: order.id }) })

export const packParcels = flow('pack parcels')
  .from(parcels, { key: (parcel) => parcel.order })
  .to('pack', pack)

export const example = patternExample({
  flows: [takeOrders, packParcels],
  input: ({ send }) => {
    send({ id: 'a', customer: 'Ada' })
    send({ id: 'b', customer: 'Grace' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('warehouse.pack'), [{ order: 'a' }, { order: 'b' }])
  },
})
