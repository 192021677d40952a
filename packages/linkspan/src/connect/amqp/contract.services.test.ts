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
import { itemOf, messageOf, sends } from './fixtures/items.ts'
import { type RealBroker, realBroker } from './fixtures/real-broker.ts'

const WRONG = 'wr0ng-passw0rd-of-nobody'
const REFUSED: TrialItem = { id: '', key: '', text: '' }

const WITHOUT: Partial<Record<Capability, string>> = {
  batch: 'calls go out one after the other without waiting: there is no request of several',
}
const KEPT: Partial<Record<Capability, string>> = {
  ...WITHOUT,
  restart: 'others keep this broker',
  freeze: 'others keep this broker',
}

const subject = (real: RealBroker, guarantee: SendGuarantee): ConnectorUnderTest => ({
  name: `amqp, ${real.name}, ${guarantee}`,
  against: 'real system',
  time: 'real',
  without: real.trouble === null ? KEPT : WITHOUT,
  async make({ clock }) {
    const proxy = await hurtProxy(clock, real, sends)
    const [from, to] = [real.fresh('in'), real.fresh('out')]
    const broker = amqp('broker')
    const send = broker.send({
      name: 'write',
      queue: to,
      group: ({ key }: TrialItem) => key,
      body: (item) => (item.id === '' ? undefined : item),
      guarantee,
    })
    const config = (password: string) => ({
      url: `amqp://127.0.0.1:${proxy.port}`,
      user: real.user,
      password,
      connectTimeout: '60s',
      heartbeat: '5m',
    })
    const sent: TrialItem[] = []
    const { cut, delay, loseReply } = proxy
    return {
      connection: broker,
      config: config(real.password),
      wrongConfig: config(WRONG),
      // The password of the test's broker is the name of all that is ours.
      secrets: [WRONG],
      source: {
        source: broker.consume({ queue: from }) as SourceDeclaration<never>,
        put: async (items) => {
          sent.push(...items)
          await real.put({ queue: from }, items.map(messageOf))
        },
        item: ({ body }) => body as TrialItem,
        putUnreadable: () =>
          real.put({ queue: from }, [
            { message_id: 'bad', body: rhea.message.data_section(Buffer.from('{')) },
          ]),
        redeliver: () => real.put({ queue: from }, sent.map(messageOf)),
      },
      operation: {
        operation: send,
        input: (item) => item,
        effects: async () => {
          const items = (await real.browse(to)).map(itemOf)
          return guarantee === 'natural' ? [...new Map(items.map((item) => [item.id, item])).values()] : items
        },
        refused: REFUSED,
      },
      system: { cut, delay, loseReply, ...real.trouble },
      dispose: () => proxy.close(),
    }
  },
})

for (const [name, guarantee] of [
  ['activemq', 'natural'],
  ['artemis', 'key'],
] as const) {
  const real = realBroker(name)
  if (real === null) test.skip(`${name} is not up`, () => undefined)
  else testConnector(test, subject(real, guarantee))
}
