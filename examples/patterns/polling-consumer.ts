import { deepEqual } from 'node:assert/strict'
import { flow } from 'linkspan'
import { httpConnection, path, typed } from 'linkspan/http'
import { schedule } from 'linkspan/schedule'
import { patternExample } from './lib/pattern-example.ts'

interface Ticket {
  readonly id: string
  readonly title: string
}

const desk = httpConnection('desk')
const changed = desk.get({
  name: 'changed',
  path: '/tickets',
  query: (since: { since: string }) => since,
  response: typed<Ticket[]>(),
})
const tracker = httpConnection('tracker')
const save = tracker.put({
  name: 'save',
  path: ({ id }: Ticket) => path`/issues/${id}`,
  body: (t: Ticket) => t,
})

// The desk cannot call us, so it is asked. A run says when the one before it was.
export const pollTickets = flow('poll tickets')
  .from(schedule('15m'), { key: () => 'tickets' })
  .call('changed', changed, {
    input: (run) => ({ since: new Date(run.previousAt ?? 0).toISOString() }),
    as: 'tickets',
  })
  .split(
    'each',
    (_run, { tickets }) => tickets,
    (ticket) => ticket.to('save', save),
  )

export const example = patternExample({
  flows: [pollTickets],
  operations: { 'desk.changed': () => [{ id: '7', title: 'It leaks' }] },
  input: ({ send }) => {
    send({ scheduledAt: '2026-01-01T00:15:00.000Z', previousAt: '2026-01-01T00:00:00.000Z', missed: 0 })
  },
  outcome: (flows) => {
    deepEqual(flows.sent('desk.changed'), [{ since: '2026-01-01T00:00:00.000Z' }])
    deepEqual(flows.applied('tracker.save'), [{ id: '7', title: 'It leaks' }])
  },
})
