import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

const shop = httpConnection('shop')
const priceOf = shop.get({
  name: 'price',
  path: (article: string) => path`/articles/${article}/price`,
  response: typed<{ cents: number }>(),
})
const discountOf = shop.get({
  name: 'discount',
  path: (customer: string) => path`/customers/${customer}/discount`,
  response: typed<{ percent: number }>(),
})

export const quote = flow('quote')
  .from(inbox<{ article: string; customer: string }>())
  .group(
    'price',
    (s) =>
      s
        .call('net', priceOf, { input: (asked) => asked.article, as: 'net' })
        .call('discount', discountOf, { input: (asked) => asked.customer, as: 'discount' })
        .map('cents', (_asked, { net, discount }) => (net.cents * (100 - discount.percent)) / 100),
    { as: 'cents' },
  )
  .reply('answer', (asked, { cents }) => ({ article: asked.article, cents }))

export const example = patternExample({
  flows: [quote],
  operations: { 'shop.price': () => ({ cents: 400 }), 'shop.discount': () => ({ percent: 10 }) },
  input: ({ send }) => {
    send({ article: 'rope', customer: 'ada' })
  },
  outcome: async (flows) => {
    const [message] = await flows.messages()
    deepEqual(await flows.reply(message?.id ?? ''), { reply: { article: 'rope', cents: 360 } })
    const { steps } = await flows.trace(message?.id ?? '')
    deepEqual(
      steps.map(({ path: of }) => of),
      ['price', 'price/net', 'price/discount', 'price/cents', 'answer'],
    )
  },
})
