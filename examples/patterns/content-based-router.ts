import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

type Issue =
  | { readonly kind: 'bug'; readonly title: string; readonly severity: number }
  | { readonly kind: 'wish'; readonly title: string; readonly votes: number }

const tracker = httpConnection('tracker')
const file = tracker.post({
  name: 'file',
  path: '/tickets',
  body: (ticket: { title: string; priority: number }) => ticket,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const triage = flow('triage')
  .from(inbox<Issue>())
  .choice('kind', (c) =>
    c
      .when(
        'bug',
        (issue) => issue.kind === 'bug',
        (bug) => bug.map('by severity', ({ title, severity }) => ({ title, priority: severity })),
      )
      .otherwise((wish) =>
        wish.map('by votes', ({ title, votes }) => ({ title, priority: votes > 99 ? 2 : 4 })),
      ),
  )
  .to('file', file)

export const example = patternExample({
  flows: [triage],
  input: ({ send }) => {
    send({ kind: 'bug', title: 'Leak', severity: 1 })
    send({ kind: 'wish', title: 'A bell', votes: 7 })
  },
  outcome: (flows) => {
    const filed = flows.applied('tracker.file') as { title: string; priority: number }[]
    deepEqual(
      filed.map(({ title, priority }) => `${title} ${priority}`),
      ['Leak 1', 'A bell 4'],
    )
  },
})
