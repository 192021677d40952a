import { deepEqual, equal } from 'node:assert/strict'
import { deadLetter, exponential, flow, inbox, retry, rules, when } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Payment {
  readonly id: string
  readonly account: string
}

const bank = httpConnection('bank')
const transfer = bank.post({
  name: 'transfer',
  path: '/transfers',
  body: (payment: Payment) => payment,
  guarantee: { kind: 'key', validFor: '24h' },
})

const mail = httpConnection('mail')
const tell = mail.post({
  name: 'tell',
  path: '/letters',
  body: (letter: { readonly about: string; readonly why: string }) => letter,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const payments = flow('payments', {
  onError: rules(
    when('CALL_REJECTED', deadLetter()),
    retry({ attempts: 8, backoff: exponential('1s', '10m') }),
  ),
})
  .from(inbox<Payment>(), { key: (payment) => payment.account })
  // Accepted in one commit with the dead letter, so that no crash comes between.
  .onCompletion(
    'tell the payer',
    (ended) => ended.to('tell', tell, { input: ({ body, reason }) => ({ about: body.id, why: reason }) }),
    { on: 'failure' },
  )
  .to('transfer', transfer)

export const example = patternExample({
  flows: [payments],
  input: ({ send, fake }) => {
    fake('bank.transfer').when(({ input }) =>
      (input as Payment).account === 'closed' ? { rejected: 'no such account' } : undefined,
    )
    send({ id: '1', account: 'closed' })
    send({ id: '2', account: 'open' })
  },
  outcome: async (flows) => {
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'CALL_REJECTED')
    deepEqual(flows.applied('bank.transfer'), [{ id: '2', account: 'open' }])
    deepEqual(
      flows.applied('mail.tell').map((letter) => (letter as { about: string }).about),
      ['1'],
    )

    // The account is open now, and a person sends the message again.
    flows.fake('bank.transfer').when(() => undefined)
    await flows.redeliver(dead?.id ?? '')
    await flows.run()
    deepEqual(flows.applied('bank.transfer'), [
      { id: '2', account: 'open' },
      { id: '1', account: 'closed' },
    ])
    equal(flows.applied('mail.tell').length, 1)
  },
})
