import { deepEqual } from 'node:assert/strict'
import { flow, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const opened = z.object({ door: z.string(), by: z.string() })

const guard = httpConnection('guard')
const note = guard.post({
  name: 'note',
  path: '/entries',
  body: (text: string) => ({ text }),
  guarantee: { kind: 'key', validFor: '24h' },
})

// The sender is answered 202 as soon as the event is in the journal.
export const doors = flow('doors')
  .from(route.post('/doors', { schema: opened }), { key: (event) => event.door })
  .to('note', note, { input: (event) => `${event.door} opened by ${event.by}` })

export const example = patternExample({
  flows: [doors],
  input: ({ send }) => {
    send({ door: 'north', by: 'Ada' })
    send({ door: 'north', by: 'Grace' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('guard.note'), ['north opened by Ada', 'north opened by Grace'])
  },
})
