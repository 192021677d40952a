import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

type Signal = { readonly kind: 'test' } | { readonly kind: 'alarm'; readonly room: string }

const guard = httpConnection('guard')
const send = guard.post({
  name: 'send',
  path: (room: string) => path`/rooms/${room}/guards`,
  guarantee: { kind: 'key', validFor: '1h' },
})

export const alarms = flow('alarms')
  .from(inbox<Signal>())
  .choice('kind', (c) =>
    c.when(
      'test',
      (signal) => signal.kind === 'test',
      (test) => test.stop('only a test'),
    ),
  )
  .map('room', (alarm) => alarm.room)
  .to('send a guard', send)

export const example = patternExample({
  flows: [alarms],
  input: ({ send: hand }) => {
    hand({ kind: 'test' })
    hand({ kind: 'alarm', room: 'vault' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('guard.send'), ['vault'])
    deepEqual(
      (await flows.messages()).map(({ state }) => state),
      ['done', 'done'],
    )
  },
})
