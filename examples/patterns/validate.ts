import { deepEqual, equal } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const booking = z.object({ id: z.string(), persons: z.coerce.number().int().positive() })
type Booking = z.infer<typeof booking>

const hotel = httpConnection('hotel')
const book = hotel.post({
  name: 'book',
  path: '/bookings',
  body: (one: Booking) => one,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const bookings = flow('bookings')
  .from(inbox<unknown>())
  .validate('a booking', booking)
  .to('book', book)

export const example = patternExample({
  flows: [bookings],
  input: ({ send }) => {
    send({ id: 'a', persons: '2' })
    send({ id: 'b', persons: 'some' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('hotel.book'), [{ id: 'a', persons: 2 }])
    const [dead] = await flows.messages({ states: ['dead'] })
    equal(dead?.error?.code, 'BODY_INVALID')
  },
})
