import { describe, expect, it } from 'vitest'
import { isLinkspanError } from '../../model/errors.ts'
import type { Operation, RunningSource } from '../connector.ts'
import { call } from '../fixtures/call.ts'
import { busy, fakeEngine, keepingLogger, seededRandom, settle, virtualClock } from '../fixtures/world.ts'
import { fakeRedis } from './fixtures/fake-redis.ts'
import { type ConsumeOptions, type ReadOptions, redis } from './redis.ts'
import { clientOf } from './redis-client.ts'
import { redisConfig } from './redis-config.ts'

function setUp() {
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const server = fakeRedis(clock, 'right')
  const logger = keepingLogger()
  const checked = redisConfig['~standard'].validate({ url: 'redis://ada:right@redis.example.com' })
  if (checked instanceof Promise || checked.issues) throw new Error('the configuration is right')
  const client = clientOf(server.library, checked.value, { clock })
  const newEngine = () => fakeEngine(clock, seededRandom(1), logger)
  const engine = newEngine()
  const store = redis('store')

  const consume = async (options: Partial<ConsumeOptions<unknown>> = {}, on = engine) => {
    const source = store.consume({ stream: 'orders', group: 'billing', from: 'earliest', ...options })
    const { context, end } = on.open(client)
    const running = (await source.start?.(context)) as RunningSource
    return { running, end, stop: () => running.stop() }
  }
  const read = async (options: Partial<ReadOptions<unknown>> = {}, on = engine) => {
    const { context, end } = on.open(client)
    const source = store.read({ stream: 'orders', from: 'earliest', ...options })
    const running = (await source.start?.(context)) as RunningSource
    return { running, end, stop: () => running.stop() }
  }
  const add = (body: unknown, more: Readonly<Record<string, string>> = {}) =>
    String(server.send('XADD', 'orders', '*', 'body', JSON.stringify(body), ...Object.entries(more).flat()))
  const pending = () => [...(server.data.streams.get('orders')?.groups.get('billing')?.pending.keys() ?? [])]
  const bodies = (on = engine) => on.accepted.map(({ body }) => body)
  const run = async <In, Out>(operation: Operation<In, Out>, input: In, mark = 'mark-1', more = {}) =>
    operation.run(client, input, call({ mark, ...more }))
  return { clock, server, client, store, logger, engine, newEngine, consume, read, add, pending, bodies, run }
}

const failureOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!isLinkspanError(error)) throw new Error(`a LinkspanError was to be thrown, not ${String(error)}`)
  return error
}

describe('a consumer of a group', () => {
  it('hands entries in with body, key, headers, place and identity, and acknowledges them', async () => {
    const { consume, add, engine, pending } = setUp()
    const id = add({ n: 1 }, { key: 'ada', Kind: 'new', 'linkspan-mark': 'm' })
    const { stop } = await consume()
    await settle(20)
    expect(engine.accepted).toEqual([
      {
        body: { n: 1 },
        json: Buffer.from('{"n":1}'),
        key: 'ada',
        headers: {
          key: 'ada',
          kind: 'new',
          'linkspan-mark': 'm',
          'redis-stream': 'orders',
          'redis-id': id,
          'redis-deliveries': '1',
        },
        dedupeKey: `billing orders ${id}`,
      },
    ])
    expect(pending()).toEqual([])
    await stop()
  })

  it('acknowledges nothing that is not in the journal, and reads it first after a restart', async () => {
    const { consume, add, engine, pending, bodies } = setUp()
    const id = add({ n: 1 })
    engine.dieAt('before')
    const first = await consume()
    await settle(20)
    expect(engine.dead).toBe(true)
    expect(pending()).toEqual([id])
    first.end()
    await first.stop()
    engine.dieAt(null)
    add({ n: 2 })
    const second = await consume()
    await settle(30)
    expect(bodies()).toEqual([{ n: 1 }, { n: 2 }])
    expect(engine.accepted[0]?.headers?.['redis-deliveries']).toBe('2')
    expect(pending()).toEqual([])
    await second.stop()
  })

  it('leaves to another consumer what that one has got, until it must be dead', async () => {
    const { consume, add, clock, engine, newEngine, pending, bodies } = setUp()
    add({ n: 1 })
    const dying = newEngine()
    dying.dieAt('before')
    const dead = await consume({ consumer: 'a' }, dying)
    await settle(20)
    dead.end()
    await dead.stop()
    const { stop } = await consume({ consumer: 'b', claimAfter: '1m' })
    await clock.advance(50_000)
    expect(bodies()).toEqual([])
    await clock.advance(60_000)
    expect(bodies()).toEqual([{ n: 1 }])
    expect(engine.accepted[0]?.headers?.['redis-deliveries']).toBe('2')
    expect(pending()).toEqual([])
    await stop()
  })

  it('makes a dead letter of what was deleted while it was pending, by itself or at another', async () => {
    const { consume, add, clock, server, engine, newEngine, pending } = setUp()
    const ids = [add({ n: 1 }), add({ n: 2 })]
    for (const [consumer, at] of [
      ['a', 0],
      ['b', 1],
    ] as const) {
      const dying = newEngine()
      dying.dieAt('before')
      const dead = await consume({ consumer, batch: 1 }, dying)
      await settle(20)
      dead.end()
      await dead.stop()
      server.send('XDEL', 'orders', ids[at] as string)
    }
    const { stop } = await consume({ consumer: 'b', claimAfter: '1m' })
    await clock.advance(120_000)
    expect(engine.accepted.map(({ unreadable }) => unreadable).toSorted()).toEqual(
      ids.map((id) => `entry ${id} of "orders": it was deleted from the stream before it was read`),
    )
    expect(pending()).toEqual([])
    await stop()
  })

  it('keeps what cannot be read with all its fields and its place', async () => {
    const { consume, server, engine } = setUp()
    const id = String(server.send('XADD', 'orders', '*', 'body', '{', 'key', 'k'))
    const { stop } = await consume()
    await settle(20)
    expect(engine.accepted[0]).toMatchObject({
      body: {
        stream: 'orders',
        id,
        fields: [
          { name: 'body', value: Buffer.from('{').toString('base64') },
          { name: 'key', value: Buffer.from('k').toString('base64') },
        ],
      },
      key: 'k',
      unreadable: expect.stringMatching(/no JSON/),
    })
    await stop()
  })

  it('makes the group again where somebody deletes the stream, and misses nothing that is added then', async () => {
    const { consume, add, server, clock, logger, bodies, engine } = setUp()
    const { stop } = await consume({ from: 'latest' })
    await settle(20)
    server.send('DEL', 'orders')
    add({ n: 1 })
    await clock.advance(6_000)
    expect(bodies()).toEqual([{ n: 1 }])
    expect(logger.lines.map(({ event }) => event)).toContain('redis.group.missing')
    expect(engine.failures).toEqual([])
    await stop()
  })

  it('waits while the engine has no room', async () => {
    const { consume, add, clock, engine, bodies, pending } = setUp()
    add({ n: 1 })
    engine.refuse(busy(1_000), 2)
    const { stop } = await consume()
    await settle(20)
    expect(pending()).toHaveLength(1)
    await clock.advance(60_000)
    expect(bodies()).toEqual([{ n: 1 }])
    expect(pending()).toEqual([])
    await stop()
  })

  it('says that it cannot go on when its connection breaks, and leaves none open when it is stopped', async () => {
    const { consume, server, engine } = setUp()
    const { stop } = await consume()
    await settle(20)
    server.cut()
    await settle(20)
    expect(engine.failures).toMatchObject([{ code: 'CALL_FAILED', retry: 'later' }])
    await stop()
    const again = await consume()
    expect(server.connected).toBe(1)
    await again.stop()
    expect(server.connected).toBe(0)
  })

  it('ends a wait that the server does not answer', async () => {
    const { consume, server, engine, clock } = setUp()
    const { stop } = await consume()
    await settle(20)
    server.freeze()
    await clock.advance(60_000)
    expect(engine.failures).toMatchObject([
      { message: expect.stringMatching(/no answer came within 35000 ms/) },
    ])
    server.thaw()
    await stop()
  })

  it('takes all fields, and orders by the stream, where it is told to', async () => {
    const { consume, server, engine } = setUp()
    server.send('XADD', 'orders', '*', 'a', '1', 'key', 'k')
    const { stop } = await consume({ format: 'fields', order: 'stream' })
    await settle(20)
    expect(engine.accepted[0]).toMatchObject({ body: { a: '1', key: 'k' }, key: 'orders' })
    await stop()
  })

  it.each([
    [{ stream: [] }, /stream/],
    [{ stream: ['a', 'a'] }, /twice/],
    [{ group: ' ' }, /group/],
    [{ batch: 0 }, /batch/],
    [{ claimAfter: 10 }, /claimAfter/],
    [{ from: { after: 'x' } }, /id/],
    [{ from: { time: 'never' } }, /time/],
    [{ order: 'no' as never }, /order/],
  ])('refuses %j', (options, problem) => {
    const { store } = setUp()
    expect(() => store.consume({ stream: 'orders', group: 'billing', ...options })).toThrow(problem)
  })
})

describe('reading without a group', () => {
  it('goes on behind the place that was committed with the messages', async () => {
    const { read, add, engine, bodies } = setUp()
    add({ n: 1 })
    const first = await read()
    await settle(20)
    await first.stop()
    const id = add({ n: 2 })
    const second = await read({ from: 'latest' })
    await settle(20)
    expect(bodies()).toEqual([{ n: 1 }, { n: 2 }])
    expect(JSON.parse(engine.cursor ?? '')).toEqual({ orders: id })
    await second.stop()
  })

  it('fixes the end at the first start, so that nothing is missed that comes while it is down', async () => {
    const { read, add, bodies } = setUp()
    add({ n: 1 })
    const first = await read({ from: 'latest' })
    await first.stop()
    add({ n: 2 })
    const second = await read({ from: 'latest' })
    await settle(20)
    expect(bodies()).toEqual([{ n: 2 }])
    await second.stop()
  })

  it('begins at a time', async () => {
    const { read, add, clock, bodies } = setUp()
    add({ n: 1 })
    await clock.advance(60_000)
    add({ n: 2 })
    const { stop } = await read({ from: { time: '2026-11-01T12:00:30Z' } })
    await settle(20)
    expect(bodies()).toEqual([{ n: 2 }])
    await stop()
  })
})

describe('adding', () => {
  it('writes body, key, mark and trace, and trims', async () => {
    const { store, run, server } = setUp()
    const keep = store.add<{ n: number }, 'key'>({
      name: 'add',
      stream: 'out',
      key: ({ n }) => `k${n}`,
      trim: { maxLength: 2, exact: true },
      guarantee: 'key',
    })
    for (const n of [1, 2, 3]) await run(keep, { n }, `mark-${n}`)
    const entries = [...(server.data.streams.get('out')?.entries.values() ?? [])].map((each) =>
      each.map(String),
    )
    expect(entries).toEqual(
      [2, 3].map((n) => [
        ...['key', `k${n}`, 'body', `{"n":${n}}`, 'linkspan-mark', `mark-${n}`],
        ...['traceparent', expect.any(String)],
      ]),
    )
  })

  it('adds nothing under a mark that is kept, and adds again when it is not any more', async () => {
    const { store, run, server, clock } = setUp()
    const add = store.add({ name: 'add', stream: 'out', guarantee: 'key', validFor: '1m' })
    const first = await run(add, 1)
    expect(await run(add, 1)).toEqual(first)
    await clock.advance(61_000)
    expect(await run(add, 1)).not.toEqual(first)
    expect(server.data.streams.get('out')?.entries.size).toBe(2)
  })

  it('loads its script again where the server has forgotten it', async () => {
    const { store, run, server } = setUp()
    const add = store.add({ name: 'add', stream: 'out', guarantee: 'key' })
    await run(add, 1, 'a')
    server.data.forgetScripts()
    expect(await failureOf(run(add, 2, 'b'))).toMatchObject({ retry: 'later', applied: 'no' })
    await run(add, 2, 'b')
    expect(server.data.streams.get('out')?.entries.size).toBe(2)
  })

  it('says unknown of what may have been trimmed or deleted, and absent of what cannot have been', async () => {
    const { store, server, client, clock } = setUp()
    const add = store.add({ name: 'add', stream: 'out', guarantee: 'verify' })
    const ask = () => add.verify?.(client, 1, call({ mark: 'm', firstMadeAt: clock.now() }))
    expect(await ask()).toEqual({ state: 'absent' })
    const old = String(server.send('XADD', 'out', '*', 'a', '1'))
    await clock.advance(3_600_000)
    server.send('XADD', 'out', '*', 'a', '2')
    expect(await ask()).toEqual({ state: 'absent' })
    server.send('XDEL', 'out', old)
    expect(await ask()).toEqual({ state: 'unknown' })
  })

  it('takes an id that is there already for done where the mark is its own, and refuses it where it is not', async () => {
    const { store, run } = setUp()
    const add = store.add({ name: 'add', stream: 'out', id: () => '7-1', guarantee: 'none' })
    expect(await run(add, 1, 'a')).toEqual({ stream: 'out', id: '7-1' })
    expect(await run(add, 1, 'a')).toEqual({ stream: 'out', id: '7-1' })
    expect(await failureOf(run(add, 1, 'b'))).toMatchObject({ retry: 'never', applied: 'no' })
  })

  it.each(['key', 'none'] as const)(
    'refuses a stream that is not there, where it is told to (%s)',
    async (guarantee) => {
      const { store, run, server } = setUp()
      const add = store.add({ name: 'add', stream: 'out', create: false, guarantee })
      const error = await failureOf(run(add, 1))
      expect(error).toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
      expect(error.message).toMatch(/"out".*no such stream/)
      server.send('XADD', 'out', '*', 'a', '1')
      await run(add, 1)
    },
  )

  it('sends nothing when the engine may not send any more', async () => {
    const { store, run, server } = setUp()
    const add = store.add({ name: 'add', stream: 'out', guarantee: 'none' })
    expect(await failureOf(run(add, 1, 'a', { maySend: () => false }))).toMatchObject({ applied: 'no' })
    expect(server.data.streams.has('out')).toBe(false)
  })

  it('gives a connection up that does not answer, and makes another one for the next call', async () => {
    const { store, run, server, clock } = setUp()
    const add = store.add({ name: 'add', stream: 'out', guarantee: 'key' })
    await run(add, 1, 'a')
    server.freeze()
    const failing = failureOf(run(add, 2, 'b'))
    await clock.advance(31_000)
    expect(await failing).toMatchObject({ applied: 'unknown', retry: 'later' })
    server.thaw()
    await settle(20)
    await run(add, 2, 'b')
    expect(server.data.streams.get('out')?.entries.size).toBe(2)
  })

  it('refuses a name that is taken, a guarantee that is none, and trimming to nothing', () => {
    const { store } = setUp()
    store.add({ name: 'add', stream: 'out', guarantee: 'key' })
    expect(() => store.add({ name: 'add', stream: 'out', guarantee: 'key' })).toThrow(/exists already/)
    expect(() => store.add({ name: 'b', stream: 'out', guarantee: 'sure' as never })).toThrow(/guarantee/)
    expect(() => store.add({ name: 'c', stream: 'o', guarantee: 'key', trim: { maxLength: 0 } })).toThrow(
      /trims/,
    )
  })
})

describe('keys and channels', () => {
  it('sets, gets and deletes', async () => {
    const { store, run, clock } = setUp()
    const key = (n: number) => `n:${n}`
    const set = store.set<number>({ name: 'set', key, value: (n) => ({ n }), ttl: '1m' })
    const get = store.get<number>({ name: 'get', key })
    const remove = store.delete<number>({ name: 'delete', key })
    expect(await run(get, 1)).toBeNull()
    expect(await run(set, 1)).toEqual({ set: true })
    expect(await run(get, 1)).toEqual({ n: 1 })
    await clock.advance(61_000)
    expect(await run(get, 1)).toBeNull()
    await run(set, 2)
    await run(remove, 2)
    await run(remove, 2)
    expect(await run(get, 2)).toBeNull()
  })

  it('answers a repeated call the same, where the key has to be absent', async () => {
    const { store, run } = setUp()
    const lock = store.set<string>({ name: 'lock', key: 'lock', only: 'absent' })
    expect(lock.guarantee).toMatchObject({ kind: 'key' })
    expect(await run(lock, 'a', 'first')).toEqual({ set: true })
    expect(await run(lock, 'a', 'first')).toEqual({ set: true })
    expect(await run(lock, 'b', 'second')).toEqual({ set: false })
  })

  it('sets only what is there', async () => {
    const { store, run, server } = setUp()
    const renew = store.set<string>({ name: 'renew', key: 'lease', only: 'present' })
    expect(await run(renew, 'a', 'first')).toEqual({ set: false })
    server.send('SET', 'lease', '"x"')
    expect(await run(renew, 'b', 'second')).toEqual({ set: true })
  })

  it('says what a key holds that cannot be read', async () => {
    const { store, run, server } = setUp()
    server.send('SET', 'k', '{')
    const error = await failureOf(run(store.get({ name: 'get', key: 'k' }), null))
    expect(error).toMatchObject({ code: 'CALL_REPLY_INVALID', retry: 'never' })
    expect(error.message).toMatch(/"k" holds cannot be read as json/)
  })

  it('publishes', async () => {
    const { store, run, server } = setUp()
    const publish = store.publish<number>({ name: 'publish', channel: (n) => `c${n}`, guarantee: 'none' })
    expect(await run(publish, 1)).toEqual({ receivers: 1 })
    expect(server.data.published).toEqual([{ channel: 'c1', body: '1' }])
  })
})
