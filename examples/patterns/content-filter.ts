import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Patient {
  readonly id: string
  readonly name: string
  readonly born: string
  readonly postcode: string
  readonly findings: readonly string[]
}

interface Row {
  readonly id: string
  readonly year: number
  readonly area: string
}

const statistics = httpConnection('statistics')
const record = statistics.put({
  name: 'record',
  path: ({ id }: Row) => path`/rows/${id}`,
  body: (row: Row) => row,
})

// What does not leave the house is left out by building what does.
export const survey = flow('survey')
  .from(inbox<Patient>())
  .map(
    'no person',
    (p): Row => ({ id: p.id, year: Number(p.born.slice(0, 4)), area: p.postcode.slice(0, 2) }),
  )
  .to('record', record)

export const example = patternExample({
  flows: [survey],
  input: ({ send }) => {
    send({ id: '7', name: 'Ada', born: '1815-12-10', postcode: '10115', findings: ['healthy'] })
  },
  outcome: (flows) => {
    deepEqual(flows.applied('statistics.record'), [{ id: '7', year: 1815, area: '10' }])
  },
})
