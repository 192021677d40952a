import { deepEqual } from 'node:assert/strict'
import { flow, route } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { z } from 'zod'
import { patternExample } from './lib/pattern-example.ts'

const push = z.object({ repository: z.string(), commits: z.array(z.string()) })

const builds = httpConnection('builds')
const start = builds.post({
  name: 'start',
  path: '/builds',
  body: (build: { repository: string; commit: string }) => build,
  guarantee: { kind: 'key', validFor: '24h' },
})

// Called by the sender as soon as there is something; a repeated call is known by its delivery id.
export const buildOnPush = flow('build on push')
  .from(route.post('/hooks/push', { schema: push }), {
    key: (event) => event.repository,
    dedupe: (_event, { headers }) => headers['x-delivery'],
  })
  .filter('with commits', (event) => event.commits.length > 0)
  .to('start', start, {
    input: (event) => ({ repository: event.repository, commit: event.commits.at(-1) ?? '' }),
  })

export const example = patternExample({
  flows: [buildOnPush],
  input: ({ send }) => {
    send({ repository: 'hub', commits: ['c1', 'c2'] }, { headers: { 'x-delivery': '1' } })
    send({ repository: 'hub', commits: ['c1', 'c2'] }, { headers: { 'x-delivery': '1' } })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('builds.start'), [{ repository: 'hub', commit: 'c2' }])
  },
})
