import { deepEqual } from 'node:assert/strict'
import { channel, flow, inbox } from 'linkspan'
import { httpConnection } from 'linkspan/http'
import { patternExample } from './lib/pattern-example.ts'

interface Article {
  readonly title: string
}

const reader = httpConnection('reader')
const deliver = reader.post({
  name: 'deliver',
  path: '/articles',
  body: (article: Article) => article,
  guarantee: { kind: 'key', validFor: '7d' },
})

const news = channel<Article>('news', { kind: 'topic' })

export const publish = flow('publish').from(inbox<Article>()).publish('published', news)
export const subscribe = flow('subscription')
  .from(news, { key: () => 'all in order' })
  .to('deliver', deliver)

export const example = patternExample({
  flows: [publish, subscribe],
  input: async ({ send, run }) => {
    send({ title: 'A new pier' })
    await run()
    send({ title: 'The pier is open' })
  },
  outcome: async (flows) => {
    deepEqual(flows.applied('reader.deliver'), [{ title: 'A new pier' }, { title: 'The pier is open' }])

    // The reader is away for an hour, and the engine is started again meanwhile.
    const back = flows.clock.now() + 3_600_000
    flows.fake('reader.deliver').when(() => (flows.clock.now() < back ? { retryAfter: '10m' } : undefined))
    await flows.send({ title: 'Storm' })
    await flows.send({ title: 'Calm' })
    await flows.advance('10m')
    flows.crash()
    await flows.restart()
    await flows.run()
    deepEqual(flows.applied('reader.deliver').slice(2), [{ title: 'Storm' }, { title: 'Calm' }])
  },
})
