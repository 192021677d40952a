import { deepEqual } from 'node:assert/strict'
import { flow } from 'linkspan'
import { folder, wellFormed } from 'linkspan/files'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const booking = z.object({ id: z.string(), total: z.number() })
type Booking = z.infer<typeof booking>

const mainframe = folder('mainframe')
const cloud = httpConnection('cloud')
const book = cloud.post({
  name: 'book',
  path: '/bookings',
  body: (one: Booking) => one,
  guarantee: { kind: 'key', validFor: '24h' },
})

// One system writes files, the other is called by HTTP; each record of the files is there once.
export const bridge = flow('mainframe to cloud')
  .from(mainframe.ndjson({ match: 'out-*.ndjson', schema: booking }), {
    key: (record) => ('id' in record ? record.id : 'malformed'),
  })
  .map('record', wellFormed)
  .to('book', book)

export const example = patternExample({
  flows: [bridge],
  input: ({ send }) => {
    send({ id: 'a', total: 12 })
    send({ id: 'b', total: 5 })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('cloud.book'), [
      { id: 'a', total: 12 },
      { id: 'b', total: 5 },
    ])
  },
})
