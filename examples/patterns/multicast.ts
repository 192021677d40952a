import { deepEqual } from 'node:assert/strict'
import { flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Storm {
  readonly place: string
  readonly force: number
}

const chat = httpConnection('chat')
const radio = httpConnection('radio')
const guarantee = { kind: 'key', validFor: '24h' } as const
const post = chat.post({ name: 'post', path: '/lines', body: (text: string) => ({ text }), guarantee })
const send = radio.post({ name: 'send', path: '/broadcasts', body: (storm: Storm) => storm, guarantee })

export const warn = flow('warn')
  .from(inbox<Storm>(), { key: (storm) => storm.place })
  .multicast('everybody', (m) =>
    m
      .branch('chat', (s) =>
        s.map('text', (storm) => `Force ${storm.force} at ${storm.place}`).to('post', post),
      )
      .branch('radio', (s) => s.to('send', send)),
  )
  .reply('warned', (storm) => storm.place)

export const example = patternExample({
  flows: [warn],
  input: ({ send: hand }) => {
    hand({ place: 'the bight', force: 10 })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('chat.post'), ['Force 10 at the bight'])
    deepEqual(flows.applied('radio.send'), [{ place: 'the bight', force: 10 }])
    const [storm] = await flows.messages()
    deepEqual(await flows.reply(storm?.id ?? ''), { reply: 'the bight' })
  },
})
