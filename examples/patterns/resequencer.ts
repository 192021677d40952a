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

// In batches: whatever came within a minute goes on in order, and nothing is waited for.
const ledger = flow('ledger')
  .from(inbox<Move>())
  .resequence('by number', { place: (move) => move.number, batch: { size: 3, timeout: '1m' } })
  .to('book', book)

export const example = patternExample({
  flows: [moves, ledger],
  input: ({ send, sendTo }) => {
    for (const number of [3, 1, 2]) send({ account: 'a', number })
    for (const number of [8, 6, 9]) sendTo(ledger, { account: 'b', number })
  },
  outcome: async (flows) => {
    const booked = (account: string): readonly number[] =>
      (flows.applied('bank.book') as readonly Move[])
        .filter((move) => move.account === account)
        .map(({ number }) => number)
    deepEqual(booked('a'), [1, 2, 3])
    deepEqual(booked('b'), [6, 8, 9])

    // The fourth is missing: the fifth waits for it, over a crash, and goes on when its time is over.
    await flows.send({ account: 'a', number: 5 })
    flows.crash()
    await flows.restart()
    await flows.advance('11m')
    await flows.run()
    deepEqual(booked('a'), [1, 2, 3, 5])
  },
})
