import { deepEqual } from 'node:assert/strict'
import { flow, inbox, retry } from 'linkspan'
import { httpConnection, typed } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Order {
  readonly id: string
  readonly item: string
}

const prices = httpConnection('prices')
const quote = prices.post({
  name: 'quote',
  path: '/quotes',
  body: (order: Order) => order,
  response: typed<{ price: number }>(),
  guarantee: { kind: 'key', validFor: '24h' },
})

// Where the prices cannot be had, the order takes the one of the list.
export const priced = flow('priced', { onError: retry({ attempts: 3 }) })
  .from(inbox<Order>(), { key: ({ id }) => id })
  .circuitBreaker('prices', (s) => s.call('quote', quote).map(({ price }) => price), {
    window: { calls: 10 },
    minimum: 3,
    openFor: '30s',
    trials: 1,
    fallback: (s) => s.map('list price', () => 100),
  })
  .reply('price', (price) => price)

export const example = patternExample({
  flows: [priced],
  operations: { 'prices.quote': () => ({ price: 80 }) },
  input: ({ send }) => {
    for (const id of ['a', 'b']) send({ id, item: 'rope' })
  },
  outcome: async (flows) => {
    const ids = async () => (await flows.messages()).map(({ id }) => id)
    const answers = async () => Promise.all((await ids()).map(async (id) => (await flows.reply(id))?.reply))
    deepEqual(await answers(), [80, 80])

    // The system fails: after two failures of four it is left alone, and stays so over a crash.
    flows.fake('prices.quote').when(() => 'unavailable')
    await flows.send({ id: 'c', item: 'rope' })
    await flows.run()
    const asked = flows.sent('prices.quote').length
    flows.crash()
    await flows.restart()
    await flows.send({ id: 'd', item: 'rope' })
    await flows.run()
    deepEqual(await answers(), [80, 80, 100, 100])
    deepEqual(flows.sent('prices.quote').length, asked)

    // After its time one tries it, and all is well.
    flows.fake('prices.quote').when(() => undefined)
    await flows.advance('30s')
    await flows.send({ id: 'e', item: 'rope' })
    await flows.run()
    deepEqual(await answers(), [80, 80, 100, 100, 80])
  },
  // A fault of the sweep is a failed attempt, which the circuit counts.
  sweep: { normalize: (value) => (JSON.stringify(value)?.includes('"era"') ? 'a circuit' : value) },
})
