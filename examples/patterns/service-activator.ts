import { deepEqual, equal } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { patternExample } from './lib/pattern-example.ts'

interface Parcel {
  readonly kilos: number
  readonly express: boolean
}

/** The service: it knows nothing of messages. */
export function postage({ kilos, express }: Parcel): { readonly cents: number } {
  return { cents: 300 + 80 * Math.ceil(kilos) + (express ? 500 : 0) }
}

export const quotePostage = flow('quote postage')
  .from(inbox<Parcel>())
  .map('postage', postage)
  .reply('answer')

export const example = patternExample({
  flows: [quotePostage],
  input: ({ send }) => {
    send({ kilos: 1.5, express: false })
  },
  outcome: async (flows) => {
    equal(postage({ kilos: 1.5, express: true }).cents, 960)
    deepEqual(await flows.request({ kilos: 1.5, express: true }), { cents: 960 })
  },
})
