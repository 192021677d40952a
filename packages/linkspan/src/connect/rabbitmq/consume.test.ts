import { describe, expect, it } from 'vitest'
import { fakeEngine, keepingLogger, seededRandom, settle, virtualClock } from '../fixtures/world.ts'
import type { AmqpProperties } from './amqp-package.ts'
import { connected } from './fixtures/connect.ts'
import { fakeRabbitmq } from './fixtures/fake-rabbitmq.ts'
import { type ConsumeOptions, rabbitmq } from './rabbitmq.ts'

function world() {
  const broker = fakeRabbitmq({ password: 'right' })
  broker.createQueue('orders')
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const engine = fakeEngine(clock, seededRandom(3), keepingLogger())
  const client = connected(broker.library, { clock })
  const begin = async (options: Partial<ConsumeOptions<unknown>> = {}) => {
    const source = rabbitmq('shop').consume({ queue: 'orders', ...options } as ConsumeOptions<unknown> & {
      unreadable: 'handIn'
    })
    const { context, end } = engine.open(client)
    const running = await source.start?.(context)
    return { running, end }
  }
  const put = (id: string, properties: AmqpProperties = {}) =>
    broker.put('orders', JSON.stringify({ id }), { messageId: id, ...properties })
  return { broker, clock, engine, begin, put }
}

describe('consume', () => {
  it('acknowledges what is in the journal, and nothing before', async () => {
    const { broker, engine, begin, put } = world()
    engine.dieAt('before')
    put('a')
    const { end } = await begin()
    await settle()
    expect(engine.dead).toBe(true)
    broker.cut()
    expect(broker.waiting('orders').map(({ redelivered }) => redelivered)).toEqual([true])
    end()
    engine.dieAt(null)
    await begin()
    await settle()
    expect(engine.accepted.map(({ dedupeKey }) => dedupeKey)).toEqual(['orders a'])
    expect(engine.accepted[0]?.headers?.['rabbitmq-redelivered']).toBe('true')
    broker.cut()
    expect(broker.waiting('orders')).toEqual([])
  })

  it('takes no more than it may hold unacknowledged', async () => {
    const { broker, engine, begin, put } = world()
    engine.dieAt('before')
    for (let nth = 0; nth < 10; nth++) put(`m-${nth}`)
    await begin({ prefetch: 4, batch: 2 })
    await settle()
    expect(broker.waiting('orders')).toHaveLength(6)
  })

  it('says what a message says of itself', async () => {
    const { engine, begin, put } = world()
    put('a', {
      headers: {
        Region: 'eu',
        n: 2,
        raw: Buffer.from([255]),
        'x-death': [{ count: 1 }],
        'x-delivery-count': 4,
      },
      correlationId: 'c-1',
      timestamp: 1_700_000_000,
    })
    await begin({ order: { header: 'region' } })
    await settle()
    expect(engine.accepted[0]).toMatchObject({
      body: { id: 'a' },
      key: 'eu',
      dedupeKey: 'orders a',
      headers: {
        region: 'eu',
        n: '2',
        'raw-base64': '/w==',
        'x-death': '[{"count":1}]',
        'rabbitmq-message-id': 'a',
        'rabbitmq-correlation-id': 'c-1',
        'rabbitmq-timestamp': '1700000000',
        'rabbitmq-queue': 'orders',
        'rabbitmq-exchange': '',
        'rabbitmq-routing-key': 'orders',
        'rabbitmq-redelivered': 'false',
        'rabbitmq-delivery-count': '4',
      },
    })
  })

  it.each([
    ['none', undefined],
    ['queue', 'orders'],
    ['routingKey', 'orders'],
    [{ header: 'Region' }, 'eu'],
  ] as const)('orders by %j', async (order, key) => {
    const { engine, begin, put } = world()
    put('a', { headers: { region: 'eu' } })
    await begin({ order })
    await settle()
    expect(engine.accepted[0]?.key).toBe(key)
  })

  it('knows a message by a header where it is told to, and not at all where it has no id', async () => {
    const { broker, engine, begin } = world()
    broker.put('orders', '1', { headers: { 'Event-Id': 'e-1' } })
    broker.put('orders', '2')
    await begin({ dedupeBy: 'event-id' })
    await settle()
    expect(engine.accepted.map(({ dedupeKey }) => dedupeKey)).toEqual(['orders e-1', undefined])
  })

  describe('a message that cannot be read', () => {
    const bad = (broker: ReturnType<typeof fakeRabbitmq>) =>
      broker.put('orders', Buffer.from([0xff]), { messageId: 'bad' })

    it('is a dead letter with its bytes and its place', async () => {
      const { broker, engine, begin, put } = world()
      bad(broker)
      put('a')
      await begin()
      await settle()
      expect(engine.accepted).toHaveLength(2)
      expect(engine.accepted[0]).toMatchObject({
        body: { content: '/w==', queue: 'orders', routingKey: 'orders', properties: { messageId: 'bad' } },
        unreadable:
          'message "bad" of the queue "orders", published to "" by "orders": it is no text in UTF-8',
      })
    })

    it('comes to the flow where that asks for it', async () => {
      const { broker, engine, begin } = world()
      bad(broker)
      await begin({ unreadable: 'handIn' })
      await settle()
      expect(engine.accepted[0]?.body).toMatchObject({ unreadableMessage: 'it is no text in UTF-8' })
      expect(engine.accepted[0]?.unreadable).toBeUndefined()
    })

    it('is left to the broker where that asks for it, and what is behind it is acknowledged', async () => {
      const { broker, engine, begin, put } = world()
      put('a')
      bad(broker)
      await begin({ unreadable: 'reject' })
      await settle()
      put('b')
      await settle()
      expect(engine.accepted.map(({ body }) => body)).toEqual([{ id: 'a' }, { id: 'b' }])
      broker.cut()
      expect(broker.waiting('orders')).toEqual([])
    })
  })

  describe('what it cannot do on its own is told', () => {
    it('a queue that is not there', async () => {
      const { engine, begin } = world()
      await expect(begin({ queue: 'no-such' })).rejects.toMatchObject({
        code: 'CALL_FAILED',
        retry: 'later',
        message: expect.stringMatching(/reading "no-such" at broker\.example\.com:5672 failed.*Create it/),
      })
      expect(engine.failures).toEqual([])
    })

    it('a queue that was deleted', async () => {
      const { broker, engine, begin } = world()
      await begin()
      broker.deleteQueue('orders')
      await settle()
      expect(engine.failures).toEqual([
        expect.objectContaining({ message: expect.stringMatching(/cancelled the consumer of "orders"/) }),
      ])
    })

    it('a connection that was lost, once', async () => {
      const { broker, engine, begin } = world()
      await begin()
      broker.cut()
      await settle()
      expect(engine.failures).toEqual([
        expect.objectContaining({ message: expect.stringMatching(/Unexpected close/), retry: 'later' }),
      ])
    })
  })

  it('gives back what it holds when it stops, and waits for no broker that stands still', async () => {
    const { broker, clock, engine, begin, put } = world()
    const { running } = await begin()
    put('a')
    await settle()
    broker.freeze()
    const stopping = running?.stop()
    await clock.advance(5_000)
    await stopping
    broker.thaw()
    await settle()
    put('b')
    await settle()
    expect(engine.accepted).toHaveLength(1)
    expect(broker.waiting('orders')).toHaveLength(1)
    expect(engine.failures).toEqual([])
  })

  it('reads and publishes over connections of their own', async () => {
    const { broker, begin } = world()
    await begin()
    expect(broker.open).toBe(1)
    expect(broker.sockets[0]).toMatchObject({ clientProperties: { connection_name: 'linkspan' } })
  })
})
