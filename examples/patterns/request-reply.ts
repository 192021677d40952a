import { deepEqual } from 'node:assert/strict'
import { flow, route } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const catalogue = httpConnection('catalogue')
const priceOf = catalogue.get({
  name: 'price',
  path: (article: string) => path`/articles/${article}/price`,
  response: typed<{ cents: number }>(),
})

export const quote = flow('quote')
  .from(
    route.post('/quotes', { schema: z.object({ article: z.string(), count: z.number() }), respond: 'reply' }),
  )
  .call('price', priceOf, { input: (order) => order.article, as: 'price' })
  .reply('answer', (order, { price }) => ({ cents: order.count * price.cents }))

export const example = patternExample({
  flows: [quote],
  operations: { 'catalogue.price': () => ({ cents: 450 }) },
  input: ({ send }) => {
    send({ article: 'rope', count: 2 })
  },
  outcome: async (flows) => {
    deepEqual(await flows.request({ article: 'rope', count: 3 }), { cents: 1350 })

    // The reply is kept, and can be fetched by the message's id.
    const [first] = await flows.messages()
    deepEqual(await flows.reply(first?.id ?? ''), { reply: { cents: 900 } })
  },
})
