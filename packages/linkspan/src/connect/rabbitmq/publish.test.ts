import { describe, expect, it } from 'vitest'
import type { CallContext, Operation } from '../connector.ts'
import { call, environment } from '../fixtures/call.ts'
import { settle, virtualClock } from '../fixtures/world.ts'
import { connected } from './fixtures/connect.ts'
import { type FakeRabbitmq, fakeRabbitmq } from './fixtures/fake-rabbitmq.ts'
import type { PublishOptions } from './publish-operation.ts'
import { rabbitmq } from './rabbitmq.ts'
import type { RabbitmqClient } from './rabbitmq-client.ts'

interface Order {
  readonly id: string
  readonly to?: string
}

function world(options: Parameters<typeof connected>[1] = {}): {
  broker: FakeRabbitmq
  client: RabbitmqClient
} {
  const broker = fakeRabbitmq({ password: 'right' })
  broker.createQueue('orders')
  return { broker, client: connected(broker.library, options) }
}

const publishing = (options: Partial<PublishOptions<Order, 'natural'>> = {}) =>
  rabbitmq('shop').publish<Order, 'natural'>({
    name: 'publish',
    routingKey: ({ to = 'orders' }) => to,
    guarantee: 'natural',
    ...options,
  })

/** Makes calls together, as the engine does, and answers what became of each. */
async function together(
  operation: Operation<Order, unknown>,
  client: RabbitmqClient,
  inputs: readonly Order[],
  given: Partial<CallContext> = {},
) {
  const calls = inputs.map((input, nth) => ({ input, call: call({ mark: `mark-${nth}`, ...given }) }))
  return (await operation.batch?.run(client, calls)) ?? []
}

const failed = (code: string, retry: string, applied: string, message: RegExp) => ({
  error: expect.objectContaining({ code, retry, applied, message: expect.stringMatching(message) }),
})

describe('publish', () => {
  it('writes persistent messages with an id, their kind and headers', async () => {
    const { broker, client } = world()
    const operation = publishing({
      headers: () => ({ region: 'eu', count: 2, raw: new Uint8Array([255]) }),
      expiration: '1m',
      priority: () => 3,
      type: () => 'order',
    })
    const [outcome] = await together(operation, client, [{ id: 'a' }], { firstMadeAt: 1_700_000_000_999 })
    expect(outcome).toEqual({ result: { exchange: '', routingKey: 'orders', messageId: 'mark-0' } })
    const [message] = broker.all('orders')
    expect(message?.content.toString()).toBe('{"id":"a"}')
    expect(message?.properties).toMatchObject({
      messageId: 'mark-0',
      contentType: 'application/json',
      deliveryMode: 2,
      mandatory: true,
      expiration: '60000',
      priority: 3,
      type: 'order',
      timestamp: 1_700_000_000,
      headers: { region: 'eu', count: 2, raw: Buffer.from([255]), 'linkspan-mark': 'mark-0' },
    })
  })

  it('answers an error for a message that no queue takes, and only for that', async () => {
    const { broker, client } = world()
    const outcomes = await together(publishing(), client, [
      { id: 'a' },
      { id: 'b', to: 'nowhere' },
      { id: 'c' },
    ])
    expect(outcomes.map((each) => 'result' in each)).toEqual([true, false, true])
    expect(outcomes[1]).toMatchObject(
      failed(
        'CALL_FAILED',
        'later',
        'no',
        /no queue for the routing key "nowhere" \(NO_ROUTE\).*gave the message back/,
      ),
    )
    expect(broker.all('orders')).toHaveLength(2)
  })

  it('does not mind where nobody need listen', async () => {
    const { client } = world()
    const [outcome] = await together(publishing({ mandatory: false }), client, [{ id: 'b', to: 'nowhere' }])
    expect(outcome).toHaveProperty('result')
  })

  it('does not know what became of a message that a queue refused', async () => {
    const { broker, client } = world()
    broker.fill('orders')
    const [outcome] = await together(publishing(), client, [{ id: 'a' }])
    expect(outcome).toMatchObject(
      failed('CALL_FAILED', 'later', 'unknown', /message nacked.*reject-publish/s),
    )
  })

  it('tells an exchange that is not there, and what goes to others gets through', async () => {
    const { broker, client } = world()
    broker.createExchange('events', ['orders'])
    const operation = publishing({ exchange: ({ to }) => to ?? 'events' })
    const outcomes = await together(operation, client, [{ id: 'a' }, { id: 'b', to: 'no-such' }])
    expect(outcomes[0]).toHaveProperty('result')
    expect(outcomes[1]).toMatchObject(failed('CALL_FAILED', 'later', 'no', /"no-such".*404.*Create it/))
    expect(broker.all('orders')).toHaveLength(1)
  })

  it('does not know what became of messages under way to an exchange that was deleted', async () => {
    const { broker, client } = world()
    broker.createExchange('events', ['orders'])
    const operation = publishing({ exchange: 'events' })
    await together(operation, client, [{ id: 'a' }])
    broker.deleteExchange('events')
    const [under] = await together(operation, client, [{ id: 'b' }])
    expect(under).toMatchObject(failed('CALL_FAILED', 'later', 'unknown', /404/))
    const [next] = await together(operation, client, [{ id: 'c' }])
    expect(next).toMatchObject(failed('CALL_FAILED', 'later', 'no', /404/))
  })

  it('sends nothing while the broker is short of memory, and says so', async () => {
    const { broker, client } = world()
    await together(publishing(), client, [{ id: 'a' }])
    broker.block('low on memory')
    const [outcome] = await together(publishing(), client, [{ id: 'b' }])
    expect(outcome).toMatchObject(
      failed('CALL_FAILED', 'later', 'no', /takes no messages for now: low on memory/),
    )
    broker.unblock()
    expect((await together(publishing(), client, [{ id: 'c' }]))[0]).toHaveProperty('result')
    expect(broker.all('orders').map(({ content }) => JSON.parse(content.toString()).id)).toEqual(['a', 'c'])
  })

  it('waits for the answers of a broker that stands still, and no longer than it is told', async () => {
    const clock = virtualClock('2026-11-01T12:00:00Z')
    const { broker, client } = world({ clock, confirmTimeout: '20s' })
    await together(publishing(), client, [{ id: 'a' }])
    broker.freeze()
    const under = together(publishing(), client, [{ id: 'b' }])
    await clock.advance(19_999)
    expect(await Promise.race([under, settle().then(() => 'waiting')])).toBe('waiting')
    await clock.advance(1)
    expect((await under)[0]).toMatchObject(
      failed('CALL_TIMED_OUT', 'later', 'unknown', /did not answer within 20000 ms/),
    )
    expect(broker.open).toBe(0)
    broker.thaw()
    expect((await together(publishing(), client, [{ id: 'c' }]))[0]).toHaveProperty('result')
  })

  it('does not wait for ever for a connection to a broker that takes none and says nothing', async () => {
    const clock = virtualClock('2026-11-01T12:00:00Z')
    const { broker, client } = world({ clock })
    broker.freeze()
    const under = together(publishing(), client, [{ id: 'a' }])
    await clock.advance(10_000)
    expect((await under)[0]).toMatchObject(
      failed('CALL_TIMED_OUT', 'later', 'no', /longer than 10000 ms \(connectTimeout\)/),
    )
    broker.thaw()
    await settle()
    expect(broker.open).toBe(0)
    expect((await together(publishing(), client, [{ id: 'b' }]))[0]).toHaveProperty('result')
    expect(broker.open).toBe(1)
  })

  it('connects again for the next call when a connection was lost, and says what is open of the last', async () => {
    const { broker, client } = world()
    await together(publishing(), client, [{ id: 'a' }])
    broker.freeze()
    const under = together(publishing(), client, [{ id: 'b' }])
    await settle()
    broker.cut()
    broker.thaw()
    expect((await under)[0]).toMatchObject(failed('CALL_FAILED', 'later', 'unknown', /Unexpected close/))
    expect((await together(publishing(), client, [{ id: 'c' }]))[0]).toHaveProperty('result')
    expect(broker.open).toBe(1)
  })

  it.each([
    ['a routing key that is too long', { routingKey: 'x'.repeat(256) }, /256 bytes/],
    ['an expiration that is no time', { expiration: (() => -1) as never }, /expiration|duration|-1/i],
    ['a priority that is none', { priority: () => 256 }, /priority is 256/],
    [
      'a function that throws',
      {
        value: () => {
          throw new Error('no such field')
        },
      },
      /no such field/,
    ],
  ])('refuses %s for good', async (_what, options, message) => {
    const { broker, client } = world()
    const [outcome] = await together(publishing(options), client, [{ id: 'a' }])
    expect(outcome).toMatchObject({ error: { retry: 'never', message: expect.stringMatching(message) } })
    expect(broker.all('orders')).toHaveLength(0)
  })

  it('holds messages back by a queue that gives them to the exchange later', async () => {
    const { broker, client } = world()
    const [outcome] = await together(publishing({ delay: '30s' }), client, [{ id: 'a' }])
    expect(outcome).toEqual({ result: { exchange: '', routingKey: 'orders', messageId: 'mark-0' } })
    expect(broker.argumentsOf('linkspan.delay.30000')).toEqual({
      'x-queue-type': 'quorum',
      'x-dead-letter-exchange': '',
      'x-dead-letter-strategy': 'at-least-once',
      'x-message-ttl': 30_000,
      'x-overflow': 'reject-publish',
    })
    const [message] = broker.all('linkspan.delay.30000')
    expect(message?.routingKey).toBe('orders')
  })

  it('publishes a message that could not be read as it was', async () => {
    const { broker, client } = world()
    broker.createQueue('dead')
    const aside = rabbitmq('shop').deadLetters({ name: 'aside', routingKey: 'dead', guarantee: 'natural' })
    const message = {
      unreadableMessage: 'it is no JSON',
      queue: 'orders',
      exchange: 'events',
      routingKey: 'eu.new',
      redelivered: false,
      content: Buffer.from([0xff, 0x7b]).toString('base64'),
      properties: { messageId: 'm-1', type: 'order', expiration: '5', userId: 'bob' },
      headers: [
        { name: 'region', value: 'eu' },
        { name: 'raw', base64: '/w==' },
        { name: 'CC', value: ['x'] },
      ],
    }
    await aside.run(client, message, call({ mark: 'mark-d' }))
    const [found] = broker.all('dead')
    expect(found?.content).toEqual(Buffer.from([0xff, 0x7b]))
    expect(found?.properties).toMatchObject({ messageId: 'm-1', type: 'order', deliveryMode: 2 })
    expect(Object.keys(found?.properties ?? {})).not.toContain('expiration')
    expect(Object.keys(found?.properties ?? {})).not.toContain('userId')
    expect(found?.properties.headers).toEqual({
      region: 'eu',
      raw: Buffer.from([255]),
      'linkspan-dead-reason': 'it is no JSON',
      'linkspan-dead-queue': 'orders',
      'linkspan-dead-exchange': 'events',
      'linkspan-dead-routing-key': 'eu.new',
      'linkspan-mark': 'mark-d',
    })
  })
})

describe('a topology', () => {
  it('is declared when a connection is made; one that does not fit is told, and nothing is sent', async () => {
    const { broker } = world()
    const client = connected(broker.library, { topology: { queues: { orders: {} } } })
    const [outcome] = await together(publishing(), client, [{ id: 'a' }])
    expect(outcome).toMatchObject(
      failed('CALL_FAILED', 'later', 'no', /declaring the queue "orders".*inequivalent arg.*other settings/),
    )
    expect(broker.open).toBe(0)
  })

  it.each([
    [
      'a limit of deliveries and nowhere to go',
      { deliveryLimit: 3 },
      /throw away what was delivered too often/,
    ],
    [
      'a limit that classic queues do not know',
      { type: 'classic', deliveryLimit: 3, deadLetter: { routingKey: 'x' } },
      /only quorum/,
    ],
    ['dead letters that go nowhere', { deadLetter: {} }, /its own deadLetter/],
  ] as const)('refuses %s', (_what, queue, message) => {
    expect(() => rabbitmq('shop', { queues: { orders: queue } })).toThrow(message)
  })
})

it('the configuration refuses addresses that are none, and shows none of them', () => {
  const { config } = rabbitmq('shop').connector
  for (const url of ['rabbit', 'http://rabbit', 'amqp://rabbit?x=1', [], [42]]) {
    const { issues } = config['~standard'].validate({ url, password: 'hidden' }) as {
      issues?: readonly unknown[]
    }
    expect(JSON.stringify(issues)).toMatch(/must be an address/)
  }
  expect(environment().directory).toBe('/')
})
