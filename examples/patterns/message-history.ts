import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Parcel {
  readonly id: string
  readonly kilos: number
}

const truck = httpConnection('truck')
const load = truck.post({
  name: 'load',
  path: '/parcels',
  body: (parcel: Parcel) => parcel,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const dispatchParcels = flow('dispatch parcels')
  .from(inbox<Parcel>(), { key: (parcel) => parcel.id })
  .filter('not too heavy', (parcel) => parcel.kilos <= 30)
  .to('load', load)

export const example = patternExample({
  flows: [dispatchParcels],
  input: ({ send, fake }) => {
    fake('truck.load').next('unavailable')
    send({ id: 'a', kilos: 12 })
  },
  outcome: async (flows) => {
    const [message] = await flows.messages()
    const { steps } = await flows.trace(message?.id ?? '')
    deepEqual(
      steps.map(({ path, outcome }) => `${path}: ${outcome}`),
      ['not too heavy: done', 'load: done'],
    )
    const outcomes = steps[1]?.attempts.map(({ outcome }) => outcome) ?? []
    deepEqual([outcomes.includes('failed'), outcomes.at(-1)], [true, 'done'])
  },
})
