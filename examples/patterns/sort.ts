import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Ship {
  readonly name: string
  readonly due: string
}

const board = httpConnection('board')
const show = board.put({ name: 'show', path: '/arrivals', body: (names: string[]) => names })

export const arrivals = flow('arrivals')
  .from(inbox<Ship[]>())
  .sort('by time', (a, b) => a.due.localeCompare(b.due))
  .map('names', (ships) => ships.map(({ name }) => name))
  .to('show', show)

export const example = patternExample({
  flows: [arrivals],
  input: ({ send }) => {
    send([
      { name: 'Baal', due: '12:30' },
      { name: 'Astarte', due: '09:15' },
    ])
  },
  outcome: (flows) => {
    deepEqual(flows.applied('board.show'), [['Astarte', 'Baal']])
  },
})
