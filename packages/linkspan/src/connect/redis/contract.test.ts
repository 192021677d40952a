import { test } from 'vitest'
import { type ConnectorUnderTest, type TrialItem, testConnector } from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { fakeRedis } from './fixtures/fake-redis.ts'
import { addOf, counted, fieldsOf, REFUSED } from './fixtures/trial.ts'
import { redis, redisConnector } from './redis.ts'
import { clientOf } from './redis-client.ts'
import type { AddGuarantee } from './redis-operations.ts'

const [PASSWORD, WRONG] = ['r1ght-passw0rd-of-ada', 'wr0ng-passw0rd-of-nobody']

const config = (password: string) => ({ url: 'redis://redis.example.com', user: 'ada', password })

const subject = (guarantee: AddGuarantee, reads: 'consume' | 'read'): ConnectorUnderTest => ({
  name: `redis, ${guarantee}, ${reads}`,
  against: 'fake',
  time: 'virtual',
  without: reads === 'read' ? { redelivery: 'without a group the server delivers what it is asked for' } : {},
  async make({ clock }) {
    const server = fakeRedis(clock, PASSWORD)
    server.send('SET', 'taken', 'not a stream')
    const store = Object.assign(redis('store'), {
      connector: {
        ...redisConnector,
        connect: async (...[given, environment]: Parameters<typeof redisConnector.connect>) =>
          clientOf(server.library, given, environment),
      },
    })
    const source =
      reads === 'consume'
        ? store.consume({ stream: 'in', group: 'readers', from: 'earliest' })
        : store.read({ stream: 'in', from: 'earliest' })
    const put = async (fields: Readonly<Record<string, string>>) =>
      void server.send('XADD', 'in', '*', ...Object.entries(fields).flat())
    return {
      connection: store,
      config: config(PASSWORD),
      wrongConfig: config(WRONG),
      secrets: [PASSWORD, WRONG],
      source: {
        source: source as SourceDeclaration<never>,
        put: async (items) => {
          for (const item of items) await put(fieldsOf(item))
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: () => put({ key: 'k', body: '{' }),
        ...(reads === 'consume'
          ? { redeliver: async () => void server.send('XGROUP', 'SETID', 'in', 'readers', '0') }
          : {}),
      },
      operation: {
        operation: addOf(store, 'out', 'taken', guarantee),
        input: (item) => item,
        effects: async () => {
          const entries = [...(server.data.streams.get('out')?.entries.values() ?? [])]
          const bodies = entries.map(
            (fields) => fields[fields.findIndex((each) => String(each) === 'body') + 1],
          )
          return counted(
            bodies.map((body) => JSON.parse(String(body)) as TrialItem),
            guarantee,
          )
        },
        refused: REFUSED,
      },
      system: {
        stop: async () => server.stop(),
        start: async () => server.start(),
        freeze: async () => server.freeze(),
        thaw: async () => server.thaw(),
        cut: async () => server.cut(),
        delay: async (ms) => server.delay(ms),
        loseReply: async () => server.loseReply(),
      },
      dispose: async () => undefined,
    }
  },
})

testConnector(test, subject('key', 'consume'))
testConnector(test, subject('verify', 'read'))
testConnector(test, subject('natural', 'consume'))
testConnector(test, subject('none', 'read'))
