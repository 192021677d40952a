import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import type { Incoming, RunningSource } from '../connector.ts'
import { busy, fakeEngine, keepingLogger, seededRandom, settle, virtualClock } from '../fixtures/world.ts'
import { connected, failing } from './fixtures/connect.ts'
import { fakeKafka } from './fixtures/fake-kafka.ts'
import { type KafkaFormat, text } from './format.ts'
import { type ConsumeOptions, kafka } from './kafka.ts'

type Options = Partial<ConsumeOptions<unknown>>

function setUp(partitions = 1) {
  const broker = fakeKafka()
  broker.createTopic('orders', partitions)
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const logger = keepingLogger()
  const newEngine = () => fakeEngine(clock, seededRandom(1), logger)
  const engine = newEngine()
  const client = connected(broker.library)
  const started: RunningSource[] = []

  const start = async (options: Options = {}, on = engine) => {
    const source = kafka('events').consume({
      topic: 'orders',
      group: 'billing',
      from: 'earliest',
      ...(options as { readonly unreadable: 'handIn' }),
    })
    const { context, end } = on.open(client)
    const running = (await source.start?.(context)) as RunningSource
    started.push(running)
    return { running, end, stop: () => running.stop() }
  }
  const write = (value: unknown, more: Partial<Parameters<typeof broker.write>[0]> = {}) =>
    broker.write({ topic: 'orders', value: JSON.stringify(value), ...more })
  const bodies = (on = engine) => on.accepted.map(({ body }) => body)
  return { broker, clock, engine, newEngine, client, start, write, bodies, logger, turns: () => settle(30) }
}

const identity = ({ dedupeKey }: Incoming) => dedupeKey

describe('a Kafka source', () => {
  it('hands records in with body, key, place, headers and identity', async () => {
    const { start, write, engine, turns } = setUp()
    write({ id: 1 }, { key: 'ada', timestamp: 7, headers: { Kind: 'new', Raw: Buffer.from([0xff]) } })
    const { stop } = await start()
    await turns()
    expect(engine.accepted).toEqual([
      {
        body: { id: 1 },
        json: Buffer.from('{"id":1}'),
        key: 'ada',
        headers: {
          kind: 'new',
          'raw-base64': '/w==',
          'kafka-topic': 'orders',
          'kafka-partition': '0',
          'kafka-offset': '0',
          'kafka-timestamp': '7',
          'kafka-key': 'ada',
        },
        dedupeKey: 'billing id-1 0 0',
      },
    ])
    await stop()
  })

  it('hands a tombstone in as null', async () => {
    const { start, write, engine, turns } = setUp()
    write(0, { key: 'ada', value: null })
    const { stop } = await start()
    await turns()
    expect(engine.accepted[0]).toMatchObject({
      body: null,
      key: 'ada',
      headers: { 'kafka-tombstone': 'true' },
    })
    await stop()
  })

  it('commits a place once what lies before it is in the journal, and not before', async () => {
    const { broker, start, write, engine, clock, turns, bodies } = setUp()
    write(1)
    write(2)
    engine.refuse(busy(60_000), 1)
    const { stop } = await start()
    await turns()
    expect([bodies(), broker.committed('billing').size]).toEqual([[], 0])
    await clock.advance(60_000)
    await turns()
    expect([bodies(), broker.committed('billing').get('orders:0')]).toEqual([[1, 2], 2n])
    await stop()
  })

  it('goes on where it was after it was stopped, and after its process died', async () => {
    const { start, write, turns, bodies, broker, engine } = setUp()
    write(1)
    const first = await start()
    await turns()
    await first.stop()
    expect(broker.members('billing')).toBe(0)
    write(2)
    const second = await start()
    await turns()
    expect(bodies()).toEqual([1, 2])
    engine.dieAt('after')
    write(3)
    await turns()
    second.end()
    engine.dieAt(null)
    await second.stop()
    const third = await start()
    await turns()
    // It was in the journal, and the group did not know: it comes again, and is known by its identity.
    expect(bodies()).toEqual([1, 2, 3, 3])
    expect(new Set(engine.accepted.map(identity)).size).toBe(3)
    await third.stop()
  })

  it('keeps reading while the group is divided anew, and takes nothing twice that it keeps', async () => {
    const { broker, start, write, newEngine, clock, turns } = setUp(4)
    const [a, b] = [newEngine(), newEngine()]
    for (let nth = 0; nth < 80; nth++) write(nth, { partition: nth % 4 })
    a.refuse(busy(10_000), 1)
    const one = await start({ batch: 3 }, a)
    await turns()
    // It holds a batch, has read ahead, and nothing is committed: now half of it goes to another member.
    const two = await start({ batch: 3 }, b)
    await turns()
    await clock.advance(10_000)
    await settle(300)
    const [ofA, ofB] = [a.accepted.map(identity), b.accepted.map(identity)]
    expect(new Set([...ofA, ...ofB]).size).toBe(80)
    expect(new Set(ofA).size).toBe(ofA.length)
    expect(new Set(ofB).size).toBe(ofB.length)
    await two.stop()
    for (let nth = 80; nth < 100; nth++) write(nth, { partition: nth % 4 })
    await settle(300)
    expect(new Set([...a.accepted, ...b.accepted].map(identity)).size).toBe(100)
    expect(new Set(a.accepted.map(identity)).size).toBe(a.accepted.length)
    expect([...broker.committed('billing').values()]).toEqual([25n, 25n, 25n, 25n])
    await one.stop()
  })

  describe('of a group that has no place yet', () => {
    it('begins at the end, as it was when the group was first seen', async () => {
      const { start, write, turns, bodies } = setUp(2)
      write('old')
      const first = await start({ from: 'latest' })
      first.end()
      await first.stop()
      write('while nothing ran')
      const second = await start({ from: 'latest' })
      write('new', { partition: 1 })
      await turns()
      expect(bodies()).toEqual(['while nothing ran', 'new'])
      await second.stop()
    })

    it('begins at a time, and may end before one', async () => {
      const { start, write, turns, bodies, broker } = setUp(2)
      for (const at of [1_000, 2_000, 3_000, 4_000]) write(at, { timestamp: at })
      write('elsewhere, earlier', { partition: 1, timestamp: 1_000 })
      const { stop } = await start({ from: { time: 2_000 }, until: new Date(4_000) })
      await turns()
      expect(bodies()).toEqual([2_000, 3_000])
      expect(Object.fromEntries(broker.committed('billing'))).toEqual({ 'orders:0': 4n, 'orders:1': 1n })
      await stop()
    })

    it('reads again what another group has read, as other messages', async () => {
      const { start, write, turns, engine } = setUp()
      write(1, { timestamp: 1_000 })
      const first = await start()
      await turns()
      await first.stop()
      const again = await start({ group: 'billing-again', from: { time: '1970-01-01T00:00:00Z' } })
      await turns()
      expect(engine.accepted.map(identity)).toEqual(['billing id-1 0 0', 'billing-again id-1 0 0'])
      await again.stop()
    })

    it('reads a partition that was added to a topic from its start', async () => {
      const { broker, start, write, turns, bodies } = setUp(1)
      const first = await start({ from: 'latest' })
      await first.stop()
      broker.addPartition('orders')
      write('in the new partition', { partition: 1 })
      const second = await start({ from: 'latest' })
      await turns()
      expect(bodies()).toEqual(['in the new partition'])
      await second.stop()
    })
  })

  it('knows a topic that was deleted and made again for another one', async () => {
    const { broker, start, write, turns, engine } = setUp()
    write(1)
    const first = await start()
    await turns()
    await first.stop()
    broker.deleteTopic('orders')
    broker.createTopic('orders')
    write(2)
    const second = await start({ group: 'billing' })
    await turns()
    expect(engine.accepted.map(identity)).toEqual(['billing id-1 0 0', 'billing id-2 0 0'])
    await second.stop()
  })

  it.each([
    ['key', ['a', undefined]],
    ['partition', ['orders-0', 'orders-0']],
    ['none', [undefined, undefined]],
  ] as const)('runs records in order by %s', async (order, keys) => {
    const { start, write, turns, engine } = setUp()
    write(1, { key: 'a' })
    write(2)
    const { stop } = await start({ order })
    await turns()
    expect(engine.accepted.map(({ key }) => key)).toEqual(keys)
    await stop()
  })

  it('takes the identity of a record from a header, where it has it', async () => {
    const { start, write, turns, engine } = setUp()
    write(1, { headers: { 'Linkspan-Mark': '7-abc.1' } })
    write(2)
    const { stop } = await start({ dedupeBy: 'linkspan-mark' })
    await turns()
    expect(engine.accepted.map(identity)).toEqual(['7-abc.1', 'billing id-1 0 1'])
    await stop()
  })

  describe('that meets what it cannot read', () => {
    it('hands it in as unreadable, with its bytes and its place, and goes on', async () => {
      const { start, write, turns, engine } = setUp()
      const bytes = Buffer.from([0x7b, 0xff])
      write(0, { value: bytes, key: 'ada', timestamp: 5, headers: { kind: 'new' } })
      write(2)
      const { stop } = await start()
      await turns()
      expect(engine.accepted[0]).toMatchObject({
        unreadable: 'record 0 of partition 0 of "orders": it is no text in UTF-8',
        key: 'ada',
        dedupeKey: 'billing id-1 0 0',
        body: {
          unreadableRecord: 'it is no text in UTF-8',
          topic: 'orders',
          partition: 0,
          offset: 0,
          timestamp: 5,
          key: Buffer.from('ada').toString('base64'),
          value: bytes.toString('base64'),
          headers: [{ name: 'kind', value: Buffer.from('new').toString('base64') }],
        },
      })
      expect(engine.accepted[1]?.body).toBe(2)
      await stop()
    })

    it('leaves it to the flow where it is asked to', async () => {
      const { start, write, turns, engine } = setUp()
      write(0, { value: '{' })
      const { stop } = await start({ unreadable: 'handIn' })
      await turns()
      expect(engine.accepted[0]?.unreadable).toBeUndefined()
      expect(engine.accepted[0]?.body).toMatchObject({
        unreadableRecord: expect.stringMatching(/^it is no JSON/),
      })
      await stop()
    })

    it('waits while that may pass, as member of its group', async () => {
      const { broker, start, write, turns, clock, bodies, engine, logger } = setUp()
      let away = 2
      const format: KafkaFormat = {
        ...text(),
        decode: async (bytes) => {
          if (away-- > 0) throw new LinkspanError('CALL_FAILED', 'The registry is away.', { retry: 'later' })
          return bytes.toString()
        },
        encode: () => Buffer.alloc(0),
      }
      write(1)
      const { stop } = await start({ format })
      await turns()
      expect([bodies(), broker.members('billing'), broker.committed('billing').size]).toEqual([[], 1, 0])
      await clock.advance(60_000)
      await turns()
      expect(bodies()).toEqual(['1'])
      expect(engine.failures).toEqual([])
      expect(logger.lines.filter(({ event }) => event === 'kafka.schema.waiting')).toHaveLength(1)
      await stop()
    })
  })

  describe('that cannot go on', () => {
    it('does not start without its topic, and says what to do', async () => {
      const { start, broker } = setUp()
      await expect(start({ topic: 'bills' })).rejects.toMatchObject({ code: 'CALL_FAILED', retry: 'later' })
      await expect(start({ topic: 'bills' })).rejects.toThrow(
        /reading "bills" as the group "billing" at broker\.example\.com:9092 failed: Unknown topic bills\. Create the topic/,
      )
      expect(broker.clients.every(({ closed }) => closed)).toBe(true)
    })

    it('says so when its stream breaks, and leaves the group', async () => {
      const { broker, start, engine, turns } = setUp()
      const { stop } = await start()
      broker.breakStreams(failing('Connection closed'))
      await turns()
      expect(engine.failures).toMatchObject([{ code: 'CALL_FAILED', retry: 'later' }])
      await stop()
      expect(broker.members('billing')).toBe(0)
    })

    it('says so when a commit fails, also while there is much to read', async () => {
      const { broker, start, write, engine, turns } = setUp()
      for (let nth = 0; nth < 50; nth++) write(nth)
      broker.fail('commit', failing('x', { apiId: 'GROUP_AUTHORIZATION_FAILED' }))
      const { stop } = await start({ batch: 1 })
      await turns()
      expect(engine.failures).toMatchObject([{ code: 'CALL_UNAUTHENTICATED', retry: 'never' }])
      expect(engine.accepted.length).toBeLessThan(50)
      await stop()
    })
  })

  it('can be stopped while the engine has no room', async () => {
    const { start, write, engine, turns, bodies } = setUp()
    write(1)
    engine.refuse(busy(60_000), 1_000)
    const { stop } = await start()
    await turns()
    await stop()
    expect(bodies()).toEqual([])
    expect(engine.failures).toEqual([])
  })

  it.each([
    [{ topic: '' }, /topic: "" names no topic/],
    [{ group: ' ' }, /group: " " is no name/],
    [{ from: 'first' as never }, /from: "first" is not known/],
    [{ from: { time: 'yesterday' } }, /from: "yesterday" is no time/],
    [{ batch: 0 }, /batch: 0/],
    [{ order: 'any' as never }, /order: "any"/],
  ] as const)('is refused as %j', (options, problem) => {
    const make = () => kafka('events').consume({ topic: 'orders', group: 'billing', ...options })
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(make).toThrow(problem)
  })

  it('runs on every engine, and shows in the definition what it does', () => {
    const source = kafka('events').consume({ topic: ['a', 'b'], group: 'billing' })
    expect(source.runs).toBe('everywhere')
    expect(source.name).toBe('events/a,b as billing')
    expect(JSON.parse(JSON.stringify(source.options))).toMatchObject({
      topics: ['a', 'b'],
      from: 'latest',
      format: 'json',
    })
  })
})
