import { deepEqual, equal } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Reading {
  readonly station: string
  readonly level: number
}

const sirens = httpConnection('sirens')
const warn = sirens.post({
  name: 'warn',
  path: '/warnings',
  body: (reading: Reading) => reading,
  guarantee: { kind: 'key', validFor: '1h' },
})

const levels = channel<Reading>('levels', { kind: 'topic' })

export const measure = flow('measure')
  .from(inbox<Reading>(), { key: (r) => r.station })
  .publish('level', levels)

// It takes what concerns it; the rest ends as filtered.
export const floods = flow('floods')
  .from(levels, { key: (r) => r.station })
  .filter('high water', (reading) => reading.level > 450)
  .to('warn', warn)

export const example = patternExample({
  flows: [measure, floods],
  input: ({ send }) => {
    send({ station: 'pier', level: 320 })
    send({ station: 'pier', level: 470 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('sirens.warn'), [{ station: 'pier', level: 470 }])
    equal((await flows.messages({ flow: 'floods', states: ['filtered'] })).length, 1)
  },
})
