import { deepEqual } from 'node:assert/strict'
import { flow, inbox, LinkspanError } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Passage {
  readonly id: string
  readonly cabin: string
  readonly car: string
}

const ferry = httpConnection('ferry')
const reserve = ferry.post({
  name: 'reserve',
  path: (what: string) => path`/reservations/${what}`,
  guarantee: { kind: 'key', validFor: '24h' },
})
const release = ferry.delete({
  name: 'release',
  path: (what: string) => path`/reservations/${what}`,
  guarantee: { kind: 'natural' },
})

// The cabin is given back when there is no room for the car.
export const bookPassages = flow('book passages')
  .from(inbox<Passage>(), { key: ({ id }) => id })
  .try('booking', (t) =>
    t
      .do((s) =>
        s
          .saga('both', (both) =>
            both
              .step('cabin', (b) => b.to('reserve cabin', reserve, { input: ({ cabin }) => cabin }), {
                compensate: (undo) => undo.to('release cabin', release, { input: ({ cabin }) => cabin }),
              })
              .step('car', (b) => b.to('reserve car', reserve, { input: ({ car }) => car })),
          )
          .map('booked', () => 'booked'),
      )
      .catch('no room', 'CALL_REJECTED', (failed) => failed.map('sorry', () => 'no room')),
  )
  .reply('answer', (answer) => answer)

export const example = patternExample({
  flows: [bookPassages],
  operations: {
    'ferry.reserve': (what: string) => {
      if (what === 'lorry') throw new LinkspanError('CALL_REJECTED', 'The deck is full.')
      return {}
    },
  },
  input: ({ send }) => {
    send({ id: 'p1', cabin: 'c7', car: 'van' })
    send({ id: 'p2', cabin: 'c8', car: 'lorry' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('ferry.reserve'), ['c7', 'van', 'c8'])
    deepEqual(flows.applied('ferry.release'), ['c8'])
    const [first, second] = await flows.messages()
    deepEqual(await flows.reply(first?.id ?? ''), { reply: 'booked' })
    deepEqual(await flows.reply(second?.id ?? ''), { reply: 'no room' })
  },
})
