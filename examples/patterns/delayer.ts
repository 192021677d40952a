import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Reminder {
  readonly text: string
  /** ISO 8601. */
  readonly at: string
}

const phone = httpConnection('phone')
const ring = phone.post({
  name: 'ring',
  path: '/notifications',
  body: ({ text }: Reminder) => ({ text }),
  guarantee: { kind: 'key', validFor: '24h' },
})

export const reminders = flow('reminders')
  .from(inbox<Reminder>())
  .delay('until it is time', (reminder) => new Date(reminder.at))
  .to('ring', ring)

export const example = patternExample({
  flows: [reminders],
  input: ({ send }) => {
    send({ text: 'tide turns', at: '2026-01-01T06:00:00Z' })
    send({ text: 'ferry leaves', at: '2026-01-01T04:00:00Z' })
  },
  outcome: (flows) => {
    const texts = (flows.applied('phone.ring') as Reminder[]).map(({ text }) => text)
    deepEqual(texts, ['ferry leaves', 'tide turns'])
  },
})
