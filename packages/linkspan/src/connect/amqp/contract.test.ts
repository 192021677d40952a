import rhea from 'rhea'
import { test } from 'vitest'
import {
  type Capability,
  type ConnectorUnderTest,
  type TrialItem,
  testConnector,
} from '../../testing/index.ts'
import type { SourceDeclaration } from '../connector.ts'
import { hurtProxy } from '../fixtures/hurt-proxy.ts'
import { amqp } from './amqp.ts'
import type { SendGuarantee } from './amqp-operations.ts'
import { fakeBroker } from './fixtures/fake-broker.ts'
import { itemOf, messageOf, sends } from './fixtures/items.ts'

const [PASSWORD, WRONG] = ['r1ght-pässwörd-of-ada', 'wr0ng-passw0rd-of-nobody']
const REFUSED: TrialItem = { id: '', key: '', text: '' }

const WITHOUT: Partial<Record<Capability, string>> = {
  batch: 'calls go out one after the other without waiting: there is no request of several',
}

const subject = (guarantee: SendGuarantee): ConnectorUnderTest => ({
  name: `amqp, ${guarantee}`,
  against: 'fake',
  time: 'real',
  without: WITHOUT,
  async make({ clock }) {
    const fake = await fakeBroker({ ada: PASSWORD })
    const proxy = await hurtProxy(clock, { host: '127.0.0.1', port: fake.port }, sends)
    const broker = amqp('broker')
    const send = broker.send({
      name: 'write',
      queue: 'out',
      group: ({ key }: TrialItem) => key,
      body: (item) => (item.id === '' ? undefined : item),
      guarantee,
    })
    const config = (password: string) => ({
      url: `amqp://127.0.0.1:${proxy.port}`,
      user: 'ada',
      password,
      heartbeat: '5m',
    })
    const put = (items: readonly TrialItem[]): void => {
      for (const item of items) fake.put('in', messageOf(item))
    }
    const sent: TrialItem[] = []
    return {
      connection: broker,
      config: config(PASSWORD),
      wrongConfig: config(WRONG),
      secrets: [PASSWORD, WRONG],
      source: {
        source: broker.consume({ queue: 'in' }) as SourceDeclaration<never>,
        put: async (items) => {
          sent.push(...items)
          put(items)
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: async () =>
          fake.put('in', { message_id: 'bad', body: rhea.message.data_section(Buffer.from('{')) }),
        redeliver: async () => put(sent),
      },
      operation: {
        operation: send,
        input: (item) => item,
        effects: async () => {
          const items = fake.messages('out').map(itemOf)
          return guarantee === 'natural' ? [...new Map(items.map((item) => [item.id, item])).values()] : items
        },
        refused: REFUSED,
      },
      system: proxy,
      async dispose() {
        await proxy.close()
        await fake.close()
      },
    }
  },
})

testConnector(test, subject('key'))
// `natural` sends the same as `none`; it is tried on ActiveMQ Classic itself.
testConnector(test, subject('none'))
