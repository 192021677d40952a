import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Invoice {
  readonly id: string
  readonly cents: number
}

const office = httpConnection('office')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = (invoice: Invoice) => invoice
const keepCopy = office.post({ name: 'keep', path: '/copies', body, guarantee })
const pay = office.post({ name: 'pay', path: '/payments', body, guarantee })

export const payInvoices = flow('pay invoices')
  .from(inbox<Invoice>(), { key: (invoice) => invoice.id })
  .choice('check', (c) =>
    c.when(
      'switched on',
      (_i, ctx) => ctx.headers['check'] === 'on',
      (invoice) => invoice.to('keep a copy', keepCopy),
    ),
  )
  .to('pay', pay)

export const example = patternExample({
  flows: [payInvoices],
  input: ({ send }) => {
    send({ id: 'a', cents: 100 })
    send({ id: 'b', cents: 200 }, { headers: { check: 'on' } })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('office.keep'), [{ id: 'b', cents: 200 }])
    deepEqual(flows.applied('office.pay').length, 2)
  },
})
