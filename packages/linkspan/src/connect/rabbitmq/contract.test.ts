import { test } from 'vitest'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { fakeRabbitmq } from './fixtures/fake-rabbitmq.ts'
import type { PublishGuarantee } from './publish-operation.ts'
import { rabbitmq, rabbitmqConnector } from './rabbitmq.ts'
import { clientOf } from './rabbitmq-client.ts'

const [PASSWORD, WRONG] = ['r1ght-passw0rd-of-ada', 'wr0ng-passw0rd-of-nobody']
const REFUSED: TrialItem = { id: '', key: '', text: '' }

const config = (password: string) => ({ url: 'amqp://ada@broker.example.com', password })

const WITHOUT: Partial<Record<Capability, string>> = {
  slow: 'the fake has no network, and answers at once',
}

const subject = (guarantee: PublishGuarantee): ConnectorUnderTest => ({
  name: `rabbitmq, ${guarantee}`,
  against: 'fake',
  time: 'virtual',
  without: WITHOUT,
  async make() {
    const broker = fakeRabbitmq({ password: PASSWORD })
    broker.createQueue('in')
    broker.createQueue('out')
    const shop = Object.assign(rabbitmq('shop'), {
      connector: {
        ...rabbitmqConnector(),
        connect: async (
          ...[given, environment]: Parameters<ReturnType<typeof rabbitmqConnector>['connect']>
        ) => clientOf(broker.library, given, environment, {}),
      },
    })
    const publish = shop.publish({
      name: 'publish',
      routingKey: ({ id }: TrialItem) => (id === '' ? 'x'.repeat(256) : 'out'),
      guarantee,
    })
    const given: TrialItem[] = []
    const put = (item: TrialItem): void =>
      broker.put('in', JSON.stringify(item), { messageId: item.id, headers: { key: item.key } })
    return {
      connection: shop,
      config: config(PASSWORD),
      wrongConfig: config(WRONG),
      secrets: [PASSWORD, WRONG],
      source: {
        source: shop.consume({ queue: 'in', order: { header: 'key' } }) as SourceDeclaration<never>,
        put: async (items) => {
          given.push(...items)
          for (const item of items) put(item)
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: async () => broker.put('in', '{', { messageId: 'unreadable' }),
        redeliver: async () => {
          for (const item of given) put(item)
        },
      },
      operation: {
        operation: publish,
        input: (item) => item,
        effects: async () => written(broker, guarantee),
        refused: REFUSED,
      },
      system: {
        stop: async () => broker.stop(),
        start: async () => broker.start(),
        freeze: async () => broker.freeze(),
        thaw: async () => broker.thaw(),
        cut: async () => broker.cut(),
        loseReply: async () => broker.loseReply(),
      },
      dispose: async () => undefined,
    }
  },
})

/** A second message is harmless where it is known by its id. */
function written(broker: ReturnType<typeof fakeRabbitmq>, guarantee: PublishGuarantee): readonly TrialItem[] {
  const items = broker.all('out').map(({ content }) => JSON.parse(content.toString()) as TrialItem)
  return guarantee === 'natural' ? [...new Map(items.map((item) => [item.id, item])).values()] : items
}

testConnector(test, subject('natural'))
testConnector(test, subject('none'))
