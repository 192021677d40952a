import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

const crm = httpConnection('crm')
const customerOf = crm.get({
  name: 'customer',
  path: (id: string) => path`/customers/${id}`,
  response: typed<{ email: string }>(),
})
const mail = httpConnection('mail')
const sendMail = mail.post({
  name: 'send',
  path: '/messages',
  body: (letter: { to: string; text: string }) => letter,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const confirm = flow('confirm')
  .from(inbox<{ id: string; customer: string }>(), { key: (order) => order.customer })
  .call('customer', customerOf, {
    input: (order) => order.customer,
    as: 'customer',
    fallback: (failed) => failed.map('our own', () => ({ email: 'orders@example.org' })),
  })
  .to('confirm', sendMail, {
    input: (order, { customer }) => ({ to: customer.email, text: `We have your order ${order.id}.` }),
  })

export const example = patternExample({
  flows: [confirm],
  operations: { 'crm.customer': (id: string) => ({ email: `${id}@example.org` }) },
  input: ({ send, fake }) => {
    fake('crm.customer').when(({ input }) =>
      input === 'ghost' ? { rejected: 'no such customer' } : undefined,
    )
    send({ id: 'a', customer: 'ada' })
    send({ id: 'b', customer: 'ghost' })
  },
  outcome: (flows) => {
    const sent = flows.applied('mail.send') as { to: string }[]
    deepEqual(sent.map(({ to }) => to).sort(), ['ada@example.org', 'orders@example.org'])
  },
})
