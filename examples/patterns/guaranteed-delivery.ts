import { deepEqual, equal } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Reading {
  readonly meter: string
  readonly value: number
}

const archive = httpConnection('archive')
const store = archive.post({
  name: 'store',
  path: '/readings',
  body: (reading: Reading) => reading,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const readings = flow('readings')
  .from(inbox<Reading>(), { key: (reading) => reading.meter })
  .to('store', store)

export const example = patternExample({
  flows: [readings],
  input: ({ send }) => {
    send({ meter: 'north', value: 17 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('archive.store'), [{ meter: 'north', value: 17 }])

    // The archive takes the next one, and the engine dies before it hears of that.
    flows.fake('archive.store').next('timeout-after')
    await flows.send({ meter: 'north', value: 18 })
    flows.crash()
    await flows.restart()
    await flows.run()
    equal((await flows.messages()).at(-1)?.state, 'done')
    deepEqual(flows.applied('archive.store').at(-1), { meter: 'north', value: 18 })
    equal(flows.applied('archive.store').length, 2)
  },
})
