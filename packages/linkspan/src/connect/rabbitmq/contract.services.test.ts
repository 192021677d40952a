import { test } from 'vitest'
import { type ServiceTrouble, serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { relayTo } from '../fixtures/relay.ts'
import { realRabbitmq } from './fixtures/real-rabbitmq.ts'
import type { PublishGuarantee } from './publish-operation.ts'
import { rabbitmq } from './rabbitmq.ts'

const WRONG = 'wr0ng-passw0rd-of-nobody'
const REFUSED: TrialItem = { id: '', key: '', text: '' }
/** `basic.ack`: class 60, method 80. */
const ACK = Buffer.from([0, 60, 0, 80])

const KEPT: Readonly<Partial<Record<Capability, string>>> = {
  restart: 'others keep this server',
  freeze: 'others keep this server',
}

/** Seen with RabbitMQ 3.10: the first to publish waits for a leader that never is (`register_enqueuer`). */
const QUORUM =
  'a quorum queue that was declared a moment before its only broker was killed may have no leader afterwards'

const service = serviceUnderTest('rabbitmq')

function subject(url: string, guarantee: PublishGuarantee, type: 'quorum' | 'classic'): ConnectorUnderTest {
  const { trouble } = service ?? { trouble: null }
  return {
    name: `rabbitmq, ${guarantee}, ${type} queues`,
    against: 'real system',
    time: 'real',
    without: trouble === null ? KEPT : type === 'quorum' ? { restart: QUORUM } : {},
    async make({ clock }) {
      const broker = realRabbitmq(url)
      const [from, to] = ['in', 'out'].map(broker.name) as [string, string]
      await broker.declare({ queues: { [from]: { type }, [to]: { type } } })
      const relay = await relayTo(Number(new URL(url).port), clock, (bytes) => bytes.includes(ACK))
      const near = new URL(url)
      near.port = String(relay.port)
      const shop = rabbitmq('shop')
      const publish = shop.publish({
        name: 'publish',
        routingKey: ({ id }: TrialItem) => (id === '' ? 'x'.repeat(256) : to),
        guarantee,
      })
      const given: TrialItem[] = []
      const put = (items: readonly TrialItem[]) =>
        broker.write(
          items.map((item) => ({
            queue: from,
            body: JSON.stringify(item),
            messageId: item.id,
            headers: { key: item.key },
          })),
        )
      return {
        connection: shop,
        config: { url: near.href, heartbeat: '1s', connectTimeout: '2m', confirmTimeout: '2m' },
        wrongConfig: { url: near.href, password: WRONG },
        // The password of the test's server is the name of all that is ours.
        secrets: [WRONG],
        source: {
          source: shop.consume({ queue: from, order: { header: 'key' } }) as SourceDeclaration<never>,
          put: async (items) => {
            given.push(...items)
            await put(items)
          },
          item: ({ body }) => body as TrialItem,
          putUnreadable: () => broker.write([{ queue: from, body: '{', messageId: 'unreadable' }]),
          // What was acknowledged is gone: who publishes again after a lost answer does this.
          redeliver: () => put(given),
        },
        operation: {
          operation: publish,
          input: (item) => item,
          effects: async () => {
            const all = (await broker.takeAll(to)).map(
              ({ content }) => JSON.parse(content.toString()) as TrialItem,
            )
            // A second one is harmless where messages are known by their ids.
            return guarantee === 'none' ? all : [...new Map(all.map((item) => [item.id, item])).values()]
          },
          refused: REFUSED,
        },
        system: {
          ...hurting(trouble, type),
          cut: relay.cut,
          delay: relay.delay,
          loseReply: relay.loseReply,
        },
        dispose: async () => {
          await relay.close()
          await broker.clear()
        },
      }
    },
  }
}

function hurting(trouble: ServiceTrouble | null, type: 'quorum' | 'classic') {
  if (trouble === null) return {}
  const { stop, start, freeze, thaw } = trouble
  return { freeze, thaw, ...(type === 'quorum' ? {} : { stop, start }) }
}

const url = service?.environment['LINKSPAN_TEST_RABBITMQ_URL']
if (url === undefined) test.skip('RabbitMQ is not up', () => undefined)
else {
  testConnector(test, subject(url, 'natural', 'classic'))
  testConnector(test, subject(url, 'none', 'quorum'))
}
