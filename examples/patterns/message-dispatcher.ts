import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Job {
  readonly kind: 'paint' | 'weld'
  readonly ship: string
}

const yard = httpConnection('yard')
const guarantee = { kind: 'key', validFor: '24h' } as const
const body = ({ ship }: Job) => ({ ship })
const paint = yard.post({ name: 'paint', path: '/paint', body, guarantee })
const weld = yard.post({ name: 'weld', path: '/weld', body, guarantee })

const jobs = channel<Job>('jobs')

export const order = flow('order jobs')
  .from(inbox<Job>(), { key: (job) => job.ship })
  .publish('ordered', jobs)

// One consumer of the channel; each job goes to who can do it, the jobs of one ship one after the other.
export const dispatch = flow('dispatch')
  .from(jobs, { key: (job) => job.ship })
  .choice('who', (c) =>
    c
      .when(
        'painters',
        (job) => job.kind === 'paint',
        (job) => job.to('paint', paint),
      )
      .otherwise((job) => job.to('weld', weld)),
  )

export const example = patternExample({
  flows: [order, dispatch],
  input: ({ send }) => {
    send({ kind: 'weld', ship: 'Astarte' })
    send({ kind: 'paint', ship: 'Astarte' })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('yard.weld'), [{ kind: 'weld', ship: 'Astarte' }])
    deepEqual(flows.applied('yard.paint'), [{ kind: 'paint', ship: 'Astarte' }])
  },
})
