import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection, path } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Move {
  readonly ship: string
  readonly to: string
}

const harbour = httpConnection('harbour')
const move = harbour.put({
  name: 'move',
  path: ({ ship }: Move) => path`/ships/${ship}/berth`,
  body: ({ to }: Move) => ({ berth: to }),
})

// Sixteen ships at once; the moves of one ship one after the other.
export const moves = flow('moves', { concurrency: 16 })
  .from(inbox<Move>(), { key: (m) => m.ship })
  .to('move', move)

export const example = patternExample({
  flows: [moves],
  input: ({ send }) => {
    send({ ship: 'Astarte', to: 'north' })
    send({ ship: 'Astarte', to: 'south' })
    send({ ship: 'Baal', to: 'north' })
  },
  outcome: (flows) => {
    const berths = (flows.applied('harbour.move') as Move[]).filter(({ ship }) => ship === 'Astarte')
    deepEqual(
      berths.map(({ to }) => to),
      ['north', 'south'],
    )
  },
})
