import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Text {
  readonly to: string
  readonly text: string
}

const phone = httpConnection('phone')
const send = phone.post({
  name: 'send',
  path: '/texts',
  body: (text: Text) => text,
  guarantee: { kind: 'key', validFor: '24h' },
})

export const tell = flow('tell')
  .from(inbox<Text>())
  .throttle('two a minute for each', { max: 2, per: '1m', key: (text) => text.to })
  .to('send', send)

export const example = patternExample({
  flows: [tell],
  input: ({ send: give }) => {
    for (const text of ['one', 'two', 'three']) give({ to: 'ada', text })
    give({ to: 'bob', text: 'hello' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('phone.send').length, 4)

    // Nobody was told more than twice a minute, and a crash gives no budget back.
    await flows.send({ to: 'ada', text: 'four' })
    await flows.send({ to: 'ada', text: 'five' })
    flows.crash()
    await flows.restart()
    await flows.advance('1s')
    deepEqual(flows.applied('phone.send').length, 5)
    await flows.advance('1m')
    deepEqual(flows.applied('phone.send').length, 6)
  },
  // When each slot was is a matter of the moment.
  sweep: { normalize: (value) => (JSON.stringify(value)?.startsWith('{"last"') ? 'slots' : value) },
})
