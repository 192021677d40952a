import { flow, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'

const shipping = httpConnection('shipping')

const ship = shipping.post({
  name: 'ship',
  path: '/shipments',
  body: (order: { readonly id: string; readonly customer: string }) => order,
  guarantee: { kind: 'key', validFor: '24h' },
})

/** POST /orders hands an order to the shipping system, in the order of acceptance for each customer. */
export const orders = flow('orders')
  .from(route.post('/orders', { schema: z.object({ id: z.string().min(1), customer: z.string().min(1) }) }), {
    key: (order) => order.customer,
    index: { order: (order) => order.id },
  })
  .to('ship', ship, { input: (order) => order })
