import { test } from 'vitest'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { failing } from './fixtures/connect.ts'
import { fakeKafka } from './fixtures/fake-kafka.ts'
import { kafka, kafkaConnector } from './kafka.ts'
import { clientOf } from './kafka-client.ts'
import type { ProduceGuarantee } from './kafka-operations.ts'

const [PASSWORD, WRONG] = ['r1ght-passw0rd-of-ada', 'wr0ng-passw0rd-of-nobody']
const REFUSED: TrialItem = { id: '', key: '', text: '' }

const config = (password: string) => ({
  brokers: 'broker.example.com:9092',
  sasl: { mechanism: 'PLAIN', user: 'ada', password },
})

const WITHOUT: Partial<Record<Capability, string>> = {
  cut: 'what it does after a lost connection is shown by `stop`, since the fake has no network',
  slow: 'the fake has no network, and answers at once',
}

const subject = (guarantee: ProduceGuarantee): ConnectorUnderTest => ({
  name: `kafka, ${guarantee}`,
  against: 'fake',
  time: 'virtual',
  without: WITHOUT,
  async make({ clock }) {
    const broker = fakeKafka({ now: () => clock.now(), password: PASSWORD })
    broker.createTopic('in', 4)
    broker.createTopic('out', 4)
    const events = Object.assign(kafka('events'), {
      connector: {
        ...kafkaConnector,
        connect: async (...[given, environment]: Parameters<typeof kafkaConnector.connect>) =>
          clientOf(broker.library, given, environment),
      },
    })
    const produce = events.produce({
      name: 'write',
      topic: 'out',
      key: ({ key }: TrialItem) => key,
      partition: ({ id }: TrialItem) => (id === '' ? 99 : null),
      guarantee,
    })
    return {
      connection: events,
      config: config(PASSWORD),
      wrongConfig: config(WRONG),
      secrets: [PASSWORD, WRONG],
      source: {
        source: events.consume({
          topic: 'in',
          group: 'readers',
          from: 'earliest',
        }) as SourceDeclaration<never>,
        put: async (items) => {
          for (const item of items)
            broker.write({
              topic: 'in',
              partition: item.key.length % 4,
              key: item.key,
              value: JSON.stringify(item),
            })
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: async () => broker.write({ topic: 'in', key: 'k', value: '{' }),
        redeliver: async () => broker.rewind('readers'),
      },
      operation: {
        operation: produce,
        input: (item) => item,
        effects: async () => written(broker, guarantee),
        refused: REFUSED,
      },
      system: {
        stop: async () => broker.stop(),
        start: async () => broker.start(),
        freeze: async () => broker.freeze(),
        thaw: async () => broker.thaw(),
        loseReply: async () => broker.fail('send', failing('Connection closed'), { after: true }),
      },
      dispose: async () => undefined,
    }
  },
})

/** A second record is harmless where only the last one of an item counts. */
function written(broker: ReturnType<typeof fakeKafka>, guarantee: ProduceGuarantee): readonly TrialItem[] {
  const items = broker.records('out').map(({ value }) => JSON.parse(String(value)) as TrialItem)
  return guarantee === 'natural' ? [...new Map(items.map((item) => [item.id, item])).values()] : items
}

testConnector(test, subject('verify'))
testConnector(test, subject('natural'))
testConnector(test, subject('none'))
