import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { folder } from 'linkspan/files'
import { patternExample } from './lib/pattern-example.ts'

interface Booking {
  readonly id: string
  readonly cents: number
}

// The bookkeeping reads files and knows nothing of messages.
const bookkeeping = folder('bookkeeping')
const enter = bookkeeping.append<Booking>({
  name: 'enter',
  file: 'bookings.ndjson',
  guarantee: { kind: 'verify', settleAfter: 0 },
})

export const bookings = flow('bookings')
  .from(inbox<Booking>(), { key: (booking) => booking.id })
  .to('enter', enter)

export const example = patternExample({
  flows: [bookings],
  input: ({ send }) => {
    send({ id: 'a', cents: 450 })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('bookkeeping.enter'), [{ id: 'a', cents: 450 }])
  },
})
