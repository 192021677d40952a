import { deepEqual, equal } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Answer {
  readonly question: string
  readonly answer: number
}

const desks = httpConnection('desks')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = (answer: Answer) => answer
const tellSales = desks.post({ name: 'sales', path: '/sales', body, guarantee })
const tellStock = desks.post({ name: 'stock', path: '/stock', body, guarantee })

const toSales = channel<Answer>('answers to sales')
const toStock = channel<Answer>('answers to stock')

// The message says where the answer goes, and only to addresses that are known here.
export const count = flow('count')
  .from(inbox<{ question: string; replyTo: string; parts: number[] }>())
  .choice('reply to', (c) =>
    c
      .when(
        'sales',
        (ask) => ask.replyTo === 'sales',
        (ask) =>
          ask.publish('sales', toSales, { body: (a) => ({ question: a.question, answer: a.parts.length }) }),
      )
      .when(
        'stock',
        (ask) => ask.replyTo === 'stock',
        (ask) =>
          ask.publish('stock', toStock, { body: (a) => ({ question: a.question, answer: a.parts.length }) }),
      )
      .otherwise((ask) =>
        ask.map('refuse', (a) => {
          throw new Error(`No address is called "${a.replyTo}".`)
        }),
      ),
  )

export const sales = flow('answer sales').from(toSales).to('tell', tellSales)
export const stock = flow('answer stock').from(toStock).to('tell', tellStock)

export const example = patternExample({
  flows: [count, sales, stock],
  input: ({ send }) => {
    send({ question: 'q1', replyTo: 'stock', parts: [1, 2] })
    send({ question: 'q2', replyTo: 'sales', parts: [3] })
    send({ question: 'q3', replyTo: 'nobody', parts: [] })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('desks.stock'), [{ question: 'q1', answer: 2 }])
    deepEqual(flows.applied('desks.sales'), [{ question: 'q2', answer: 1 }])
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'STEP_FAILED')
  },
})
