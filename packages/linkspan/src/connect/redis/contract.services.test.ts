import { test } from 'vitest'
import { serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { wireProxy } from '../fixtures/wire-proxy.ts'
import { realRedis } from './fixtures/real-redis.ts'
import { addOf, counted, fieldsOf, REFUSED } from './fixtures/trial.ts'
import { redis } from './redis.ts'
import type { AddGuarantee } from './redis-operations.ts'

const server = serviceUnderTest('redis')
const WRONG = 'wr0ng-passw0rd-of-nobody'

const KEPT: Readonly<Partial<Record<Capability, string>>> =
  server === null || server.trouble !== null
    ? {}
    : { restart: 'others keep this server', freeze: 'others keep this server' }

const subject = (guarantee: AddGuarantee, reads: 'consume' | 'read'): ConnectorUnderTest => ({
  name: `redis, ${guarantee}, ${reads}`,
  against: 'real system',
  time: 'real',
  without: {
    ...KEPT,
    ...(reads === 'read' ? { redelivery: 'without a group the server delivers what it is asked for' } : {}),
  },
  async make({ clock }) {
    const [url = ''] = Object.values(server?.environment ?? {})
    const real = await realRedis(url)
    const proxy = await wireProxy(clock, real, (sent) => /XADD/.test(sent.toString('latin1')))
    const [from, to, taken, group] = ['in', 'out', 'taken', 'readers'].map(real.name) as [
      string,
      string,
      string,
      string,
    ]
    await real.send('SET', taken, 'not a stream')
    const store = redis('store')
    const config = (password: string) => ({
      url: `redis://127.0.0.1:${proxy.port}`,
      user: real.user,
      password,
    })
    const source =
      reads === 'consume'
        ? store.consume({ stream: from, group, from: 'earliest' })
        : store.read({ stream: from, from: 'earliest' })
    return {
      connection: store,
      config: config(real.password),
      wrongConfig: config(WRONG),
      // The password of the test's server is the name of all that is ours.
      secrets: [WRONG],
      source: {
        source: source as SourceDeclaration<never>,
        put: (items) => real.put(from, items.map(fieldsOf)),
        item: ({ body }) => body as TrialItem,
        putUnreadable: () => real.put(from, [{ key: 'k', body: '{' }]),
        ...(reads === 'consume'
          ? { redeliver: async () => void (await real.send('XGROUP', 'SETID', from, group, '0')) }
          : {}),
      },
      operation: {
        operation: addOf(store, to, taken, guarantee),
        input: (item) => item,
        effects: async () =>
          counted(
            (await real.entries(to)).map(({ fields }) => JSON.parse(fields['body'] ?? 'null') as TrialItem),
            guarantee,
          ),
        refused: REFUSED,
      },
      system: { ...(server?.trouble ?? {}), cut: proxy.cut, delay: proxy.delay, loseReply: proxy.loseReply },
      dispose: async () => {
        await proxy.close()
        await real.send('DEL', from, to, taken)
        await real.close()
      },
    }
  },
})

if (server === null) test.skip('Redis is not up', () => undefined)
else {
  testConnector(test, subject('key', 'consume'))
  testConnector(test, subject('verify', 'read'))
}
