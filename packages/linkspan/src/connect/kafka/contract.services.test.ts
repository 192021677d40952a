import { test } from 'vitest'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { addressOf, realKafka, services } from './fixtures/real-kafka.ts'
import { kafka } from './kafka.ts'
import type { ProduceGuarantee } from './kafka-operations.ts'

const WRONG = 'wr0ng-passw0rd-of-nobody'
const REFUSED: TrialItem = { id: '', key: '', text: '' }

const PROXY = 'brokers say themselves where they are reached, so that no proxy gets between them and a client'
const WITHOUT: Partial<Record<Capability, string>> = {
  redelivery:
    'the place of a group is set back only while nobody reads; what a crash delivers again is another test',
  cut: PROXY,
  slow: PROXY,
  lostReply: PROXY,
}

const subject = (guarantee: ProduceGuarantee): ConnectorUnderTest => ({
  name: `kafka, ${guarantee}`,
  against: 'real system',
  time: 'real',
  without: WITHOUT,
  async make() {
    const brokers = addressOf('LINKSPAN_TEST_KAFKA_LOGIN_URL')
    const broker = realKafka(addressOf('LINKSPAN_TEST_KAFKA_URL'))
    const [from, to, group] = ['in', 'out', 'readers'].map(broker.name) as [string, string, string]
    // Its own connections are open from here on, and are not taken for the connector's.
    const first = broker.name('first')
    await broker.createTopic(first, 1)
    await broker.write([{ topic: first, key: 'k', value: 'v' }])
    await broker.readAll(first)
    await broker.createTopic(from, 4)
    await broker.createTopic(to, 4)
    const events = kafka('events')
    const produce = events.produce({
      name: 'write',
      topic: to,
      key: ({ key }: TrialItem) => key,
      partition: ({ id }: TrialItem) => (id === '' ? 99 : null),
      guarantee,
    })
    const config = (password: string) => ({
      brokers,
      sasl: { mechanism: 'PLAIN', user: 'linkspan', password },
      deliveryTimeout: '30s',
    })
    return {
      connection: events,
      config: config('linkspan'),
      wrongConfig: config(WRONG),
      // The password of the test's server is the name of all that is ours.
      secrets: [WRONG],
      source: {
        source: events.consume({
          topic: from,
          group,
          from: 'earliest',
          sessionTimeout: '6s',
        }) as SourceDeclaration<never>,
        put: (items) =>
          broker.write(items.map((item) => ({ topic: from, key: item.key, value: JSON.stringify(item) }))),
        item: ({ body }) => body as TrialItem,
        putUnreadable: () => broker.write([{ topic: from, key: 'k', value: '{' }]),
      },
      operation: {
        operation: produce,
        input: (item) => item,
        effects: async () => {
          const records = (await broker.readAll(to)).map(
            ({ value }) => JSON.parse(value ?? 'null') as TrialItem,
          )
          if (guarantee !== 'natural') return records
          return [...new Map(records.map((item) => [item.id, item])).values()]
        },
        refused: REFUSED,
      },
      system: {
        stop: () => services('kill', 'kafka'),
        start: () => services('up', 'kafka'),
        freeze: () => services('freeze', 'kafka'),
        thaw: () => services('thaw', 'kafka'),
      },
      dispose: () => broker.close(),
    }
  },
})

// The other guarantees send the same; what the engine makes of them is tested on the fake.
testConnector(test, subject('verify'))
