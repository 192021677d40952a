import { flow, route } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { z } from 'zod'

const order = z.object({ id: z.string(), customer: z.string(), total: z.number() })

const crm = httpConnection('crm')
const customerOf = crm.get({
  name: 'customer',
  path: (input: { id: string }) => path`/customers/${input.id}`,
  response: typed<{ email: string; blocked: boolean }>(),
})
const mail = httpConnection('mail')
const sendMail = mail.post({
  name: 'send',
  path: '/messages',
  body: (letter: { to: string; text: string }) => letter,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const confirmOrders = flow('confirm-orders')
  .from(route.post('/orders', { schema: order }), { key: (o) => o.customer })
  .call('customer', customerOf, { input: (o) => ({ id: o.customer }), as: 'customer' })
  .filter('not blocked', (_o, { customer }) => !customer.blocked)
  .to('confirm', sendMail, {
    input: (o, { customer }) => ({ to: customer.email, text: `Order ${o.id}: ${o.total.toFixed(2)}` }),
  })
