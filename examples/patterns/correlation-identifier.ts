import { deepEqual, equal } from 'node:assert/strict'
import { event, flow, inbox, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const answer = z.object({ order: z.string(), approved: z.boolean() })

const bank = httpConnection('bank')
const ask = bank.post({
  name: 'ask',
  path: '/credit-checks',
  body: (order: { id: string; customer: string }) => order,
  guarantee: { kind: 'key', validFor: '24h' },
})
const shop = httpConnection('shop')
const decide = shop.post({
  name: 'decide',
  path: '/decisions',
  body: (decision: { order: string; approved: boolean }) => decision,
  guarantee: { kind: 'key', validFor: '24h' },
})

// The order's id goes out with the question and comes back with the answer, days later and by another way.
const checked = event<{ approved: boolean }>('credit checked')

export const orders = flow('orders')
  .from(inbox<{ id: string; customer: string }>(), { key: (order) => order.id })
  .to('ask', ask)
  .waitFor('answer', checked, { key: (order) => order.id, timeout: '30d', as: 'answer' })
  .to('decide', decide, { input: (order, { answer: { approved } }) => ({ order: order.id, approved }) })

export const answers = flow('answers of the bank')
  .from(route.post('/answers', { schema: answer }))
  .raise('checked', checked, { key: (a) => a.order, value: ({ approved }) => ({ approved }) })

export const example = patternExample({
  flows: [orders, answers],
  input: async ({ send, sendTo, advance }) => {
    send({ id: 'a', customer: 'Ada' })
    send({ id: 'b', customer: 'Grace' })
    await advance('3d')
    sendTo(answers, { order: 'b', approved: true })
    await advance('1h')
    sendTo(answers, { order: 'a', approved: false })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('shop.decide'), [
      { order: 'b', approved: true },
      { order: 'a', approved: false },
    ])

    // The bank forgets one.
    await flows.send({ id: 'c', customer: 'Alan' })
    await flows.run()
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'WAIT_TIMED_OUT')
  },
})
