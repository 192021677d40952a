import { deepEqual, equal } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Offer {
  readonly text: string
  /** When it ends, ISO 8601. */
  readonly until: string
}

const chat = httpConnection('chat')
const post = chat.post({
  name: 'post',
  path: '/messages',
  body: (offer: Offer) => ({ text: offer.text }),
  guarantee: { kind: 'key', validFor: '24h' },
})

// The sender's own limit is a filter; the flow's holds for all, whatever they wait for.
export const offers = flow('offers', { timeLimit: '1d' })
  .from(inbox<Offer>())
  .delay('not at night', '6h')
  .filter('still open', (offer, ctx) => ctx.now < Date.parse(offer.until))
  .to('post', post)

export const example = patternExample({
  flows: [offers],
  input: ({ send }) => {
    send({ text: 'Rope, half price', until: '2026-01-01T12:00:00Z' })
    send({ text: 'Yesterday’s fish', until: '2026-01-01T03:00:00Z' })
  },
  outcome: async (flows) => {
    deepEqual(
      flows.applied('chat.post').map((offer) => (offer as Offer).text),
      ['Rope, half price'],
    )
    equal((await flows.messages({ states: ['filtered'] })).length, 1)

    // The chat is down for longer than the flow's limit.
    flows.fake('chat.post').when(() => ({ retryAfter: '10h' }))
    await flows.send({ text: 'Sails', until: '2026-02-01T00:00:00Z' })
    await flows.run()
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'TIME_LIMIT')
  },
})
