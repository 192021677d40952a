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

interface Film {
  readonly id: string
}

const studio = httpConnection('studio')
const render = studio.post({
  name: 'render',
  path: '/films',
  body: (film: Film) => film,
  guarantee: { kind: 'key', validFor: '24h' },
})

// The studio has one desk: a film is watched for a minute before it is rendered, and nobody else is let in meanwhile.
export const films = flow('films')
  .from(inbox<Film>())
  .throttle('one at once', { concurrent: 1 }, (s) => s.delay('watch', '1m').to('render', render))

export const example = patternExample({
  flows: [tell, films],
  input: ({ send: give, sendTo }) => {
    for (const text of ['one', 'two', 'three']) give({ to: 'ada', text })
    give({ to: 'bob', text: 'hello' })
    sendTo(films, { id: 'first' })
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

    // Two films come at once: one after the other has the desk, also when the engine dies.
    await flows.sendTo(films, { id: 'second' })
    await flows.sendTo(films, { id: 'third' })
    await flows.advance('30s')
    flows.crash()
    await flows.restart()
    await flows.advance('31s')
    deepEqual(flows.applied('studio.render').length, 2)
    await flows.advance('1m')
    deepEqual(flows.applied('studio.render').length, 3)
  },
  // When each slot was is a matter of the moment.
  sweep: { normalize: (value) => (JSON.stringify(value)?.startsWith('{"last"') ? 'slots' : value) },
})
