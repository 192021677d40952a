import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Scan {
  readonly id: string
  readonly pages: readonly string[]
}

const clerk = httpConnection('clerk')
const archive = httpConnection('archive')
const guarantee = { kind: 'key', validFor: '24h' } as const
const check = clerk.post({ name: 'check', path: '/checks', body: (id: string) => ({ id }), guarantee })
const store = archive.post({ name: 'store', path: '/scans', body: (scan: Scan) => scan, guarantee })

export const file = flow('file')
  .from(inbox<Scan>(), { key: (scan) => scan.id })
  .claimSet('put the pages aside', 'scan')
  .map('only the id', (scan) => scan.id)
  .to('check', check)
  .delay('until the ink is dry', '1h')
  .claimGetAndRemove('bring the pages back', 'scan', {
    merge: (id, scan) => ({ id: `checked ${id}`, pages: scan.pages }),
  })
  .to('store', store)

export const example = patternExample({
  flows: [file],
  input: ({ send }) => {
    send({ id: 's1', pages: ['one', 'two'] })
  },
  outcome: (flows) => {
    deepEqual(flows.sent('clerk.check'), ['s1'])
    deepEqual(flows.sent('archive.store'), [{ id: 'checked s1', pages: ['one', 'two'] }])
  },
})
