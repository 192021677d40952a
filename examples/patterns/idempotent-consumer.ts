import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Change {
  readonly order: string
  readonly revision: number
}

const shop = httpConnection('shop')
const notify = shop.post({
  name: 'notify',
  path: '/notifications',
  body: (change: Change) => change,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const notifyOnce = flow('notify once')
  .from(inbox<Change>(), { key: (change) => change.order })
  .dedupe('each revision', { by: (change) => `${change.order}/${change.revision}`, for: '7d' })
  .to('notify', notify)

export const example = patternExample({
  flows: [notifyOnce],
  input: ({ send }) => {
    send({ order: 'a', revision: 1 })
    send({ order: 'a', revision: 1 })
    send({ order: 'a', revision: 2 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('shop.notify'), [
      { order: 'a', revision: 1 },
      { order: 'a', revision: 2 },
    ])
    deepEqual(
      (await flows.messages()).map(({ state }) => state),
      ['done', 'filtered', 'done'],
    )

    // After a week it is not remembered any more.
    await flows.advance('8d')
    await flows.send({ order: 'a', revision: 1 })
    await flows.run()
    deepEqual(flows.applied('shop.notify').length, 3)
  },
})
