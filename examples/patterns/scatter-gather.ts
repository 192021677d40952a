import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Offer {
  readonly supplier: string
  readonly cents: number
}

const SUPPLIERS = ['harbour', 'island', 'mainland']

const market = httpConnection('market')
const ask = market.get({
  name: 'offer',
  path: (of: { supplier: string; article: string }) => path`/suppliers/${of.supplier}/offers/${of.article}`,
  response: typed<Offer>(),
})

export const bestOffer = flow('best offer')
  .from(inbox<{ article: string }>())
  .split(
    'suppliers',
    (wanted) => SUPPLIERS.map((supplier) => ({ supplier, article: wanted.article })),
    (one) => one.call('ask', ask, { timeout: '5s' }),
    {
      timeout: '20s',
      join: {
        as: 'best',
        initial: (): Offer | null => null,
        add: (best, offer) => (best === null || offer.cents < best.cents ? offer : best),
      },
    },
  )
  .reply('best', (_wanted, { best }) => best)

export const example = patternExample({
  flows: [bestOffer],
  operations: {
    'market.offer': ({ supplier }: { supplier: string }) => ({
      supplier,
      cents: supplier === 'island' ? 390 : 450,
    }),
  },
  input: ({ send }) => {
    send({ article: 'rope' })
  },
  outcome: async (flows) => {
    const [asked] = await flows.messages()
    deepEqual(await flows.reply(asked?.id ?? ''), { reply: { supplier: 'island', cents: 390 } })

    // One that does not answer in the end is left out.
    flows
      .fake('market.offer')
      .when(({ input }) =>
        (input as { supplier: string }).supplier === 'island' ? { rejected: 'unknown article' } : undefined,
      )
    deepEqual(await flows.request({ article: 'sail' }), { supplier: 'harbour', cents: 450 })

    // So is one that does not answer in time, however often it is asked.
    flows
      .fake('market.offer')
      .when(({ input }) => ((input as { supplier: string }).supplier === 'island' ? 'silent' : undefined))
    const { id } = await flows.send({ article: 'oar' })
    await flows.advance('30s')
    await flows.run()
    deepEqual(await flows.reply(id), { reply: { supplier: 'harbour', cents: 450 } })
  },
})
