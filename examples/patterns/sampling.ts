import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Reading {
  readonly machine: string
  readonly heat: number
}

const charts = httpConnection('charts')
const draw = charts.post({
  name: 'draw',
  path: '/points',
  body: (reading: Reading) => reading,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const watch = flow('watch')
  .from(inbox<Reading>(), { key: (reading) => reading.machine })
  .sample('every third of each', { every: 3, key: (reading) => reading.machine })
  .to('draw', draw)

export const example = patternExample({
  flows: [watch],
  input: ({ send }) => {
    for (const heat of [60, 61, 62, 63, 64]) send({ machine: 'press', heat })
    send({ machine: 'oven', heat: 200 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('charts.draw'), [{ machine: 'press', heat: 62 }])
    const states = (await flows.messages()).map(({ state }) => state)
    deepEqual(states.filter((state) => state === 'filtered').length, 5)

    // The count goes on after a crash.
    flows.crash()
    await flows.restart()
    await flows.send({ machine: 'press', heat: 65 })
    await flows.run()
    deepEqual(flows.applied('charts.draw').length, 2)
  },
})
