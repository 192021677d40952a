import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Move {
  readonly account: string
  readonly number: number
}

const bank = httpConnection('bank')
const book = bank.post({
  name: 'book',
  path: '/moves',
  body: (move: Move) => move,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const moves = flow('moves')
  .from(inbox<Move>())
  .resequence('in order', {
    key: (move) => move.account,
    place: (move) => move.number,
    first: 1,
    timeout: '10m',
  })
  .to('book', book)

export const example = patternExample({
  flows: [moves],
  input: ({ send }) => {
    for (const number of [3, 1, 2]) send({ account: 'a', number })
  },
  outcome: async (flows) => {
    deepEqual(
      flows.applied('bank.book').map((move) => (move as Move).number),
      [1, 2, 3],
    )

    // The fourth is missing: the fifth waits for it, over a crash, and goes on when its time is over.
    await flows.send({ account: 'a', number: 5 })
    flows.crash()
    await flows.restart()
    await flows.advance('11m')
    await flows.run()
    deepEqual(flows.applied('bank.book').length, 4)
  },
})
