import { deepEqual, equal } from 'node:assert/strict'
import { event, exponential, flow, inbox, retry } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Charter {
  readonly id: string
  readonly tons: number
}
interface Offer {
  readonly yard: string
  readonly price: number
}

const north = httpConnection('north')
const south = httpConnection('south')
const offerOf = (yard: typeof north) =>
  yard.get({
    name: 'offer',
    path: (tons: number) => path`/offers/${String(tons)}`,
    guarantee: { kind: 'natural' },
    response: typed<Offer>(),
  })
const fleet = httpConnection('fleet')
const hire = fleet.post({
  name: 'hire',
  path: '/hires',
  body: (given: { charter: string; yard: string; price: number }) => given,
  guarantee: { kind: 'key', validFor: '24h' },
})
const ask = fleet.post({
  name: 'ask',
  path: '/questions',
  body: (given: { charter: string; reminder: number; price: number }) => given,
  guarantee: { kind: 'key', validFor: '24h' },
})
const decided = event<{ yes: boolean }>('charter decided')

// Two offers are asked for at once; a dear one needs a yes, of which somebody is reminded day by day.
export const charters = flow('charters')
  .from(inbox<Charter>(), { key: ({ id }) => id })
  .process(
    'hire a ship',
    {
      uses: { north: offerOf(north), south: offerOf(south), hire, ask, decided },
      onError: retry({ attempts: 5, backoff: exponential('1s', '1m') }),
    },
    async ({ id, tons }, ctx) => {
      const offers = await Promise.all([ctx.call('north', tons), ctx.call('south', tons)])
      const { yard, price } = offers.reduce((best, other) => (other.price < best.price ? other : best))
      if (price > 1000) {
        const answer = ctx.waitFor('decided', id, { timeout: '14d' })
        for (let reminder = 0; ; reminder += 1) {
          await ctx.call('ask', { charter: id, reminder, price })
          const said = await Promise.race([answer, ctx.sleep('a day', '1d')])
          if (said?.yes === false) return 'declined'
          if (said) break
        }
      }
      await ctx.call('hire', { charter: id, yard, price })
      return yard
    },
  )
  .reply('yard', (yard) => yard)

export const decisions = flow('decisions')
  .from(inbox<{ charter: string; yes: boolean }>())
  .raise('tell', decided, { key: ({ charter }) => charter, value: ({ yes }) => ({ yes }) })

export const example = patternExample({
  flows: [charters, decisions],
  operations: {
    'north.offer': (tons: number) => ({ yard: 'north', price: tons * 10 }),
    'south.offer': (tons: number) => ({ yard: 'south', price: 400 + tons * 5 }),
    'fleet.ask': () => undefined,
    'fleet.hire': () => undefined,
  },
  input: async ({ send, sendTo, advance }) => {
    send({ id: 'c1', tons: 20 })
    send({ id: 'c2', tons: 200 })
    await advance('36h')
    sendTo(decisions, { charter: 'c2', yes: true })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('fleet.hire'), [
      { charter: 'c1', yard: 'north', price: 200 },
      { charter: 'c2', yard: 'south', price: 1400 },
    ])
    deepEqual(flows.applied('fleet.ask'), [
      { charter: 'c2', reminder: 0, price: 1400 },
      { charter: 'c2', reminder: 1, price: 1400 },
    ])

    // Nobody says anything.
    await flows.send({ id: 'c3', tons: 300 })
    await flows.run()
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'WAIT_TIMED_OUT')
    equal(flows.applied('fleet.ask').length, 2 + 14)
  },
  // A decision that comes before the question leaves no one to be reminded.
  sweep: { reorder: false },
})
