import { type Flow, flow, inbox } from 'linkspan'
import {
  type Connector,
  configSchema,
  type Incoming,
  LinkspanError,
  pollSource,
  type SourceContext,
  type SourceDeclaration,
} from 'linkspan/connect'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster-rig.ts'
import { rig } from './rig.ts'

interface Reading {
  readonly n: number
}

/** A broker whose subscriptions a test feeds and breaks. */
function broker(options: { readonly runs?: 'everywhere' } = {}) {
  const subscriptions: { readonly client: unknown; readonly context: SourceContext; open: boolean }[] = []
  let clients = 0
  const connector: Connector<object, number> = {
    name: 'broker',
    spec: { summary: 'A broker.', stability: 'stable', options: [] },
    config: configSchema({}),
    connect: async () => ++clients,
  }
  const source: SourceDeclaration<Reading> = {
    kind: 'stream',
    connector: 'broker',
    name: 'readings',
    options: {},
    connection: { name: 'broker', connector: connector as never, optional: true },
    ...options,
    schema: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          typeof (value as Partial<Reading> | null)?.n === 'number'
            ? { value: value as Reading }
            : { issues: [{ message: 'n: not a number' }] },
      },
    },
    start: async (context) => {
      const subscription = { client: await context.client(), context, open: true }
      subscriptions.push(subscription)
      return {
        stop: async () => {
          subscription.open = false
        },
      }
    },
  }
  const last = () => {
    const subscription = subscriptions.at(-1)
    if (subscription === undefined) throw new Error('Nobody has subscribed.')
    return subscription
  }
  return {
    source,
    subscriptions,
    last,
    give: (...messages: readonly Incoming[]) => last().context.accept(messages, null),
  }
}

const storing = (source: SourceDeclaration<Reading>) => {
  const put = fakeOperation<Reading>('store.put', { kind: 'natural' })
  const readings: Flow = flow('readings').from(source).to('put', put)
  return { put, readings }
}

describe('a source that says it cannot go on', () => {
  it('is stopped, shown with its reason, and started again with a new client after a pause', async () => {
    const { source, subscriptions, last } = broker()
    await using world = await rig([storing(source).readings])
    const [first] = subscriptions
    last().context.failed(new LinkspanError('CONNECTION_FAILED', 'The broker went away.', { retry: 'later' }))
    await world.during(Promise.resolve())
    expect(first).toMatchObject({ client: 1, open: false })
    expect(first?.context.signal.aborted).toBe(true)
    const [shown] = await world.admin.flows()
    expect(shown?.source).toMatchObject({ state: 'failing', error: { message: 'The broker went away.' } })
    await world.advance('5s')
    expect(subscriptions).toHaveLength(2)
    expect(last()).toMatchObject({ client: 2, open: true })
    expect((await world.admin.flows())[0]?.source.state).toBe('running')
  })

  it('keeps its client where the connection is not what failed, and is not heard once it is over', async () => {
    const { source, subscriptions, last } = broker()
    await using world = await rig([storing(source).readings])
    const [first] = subscriptions
    last().context.failed(new Error('The subscription was taken away.'))
    first?.context.failed(new Error('again'))
    await world.advance('5s')
    first?.context.failed(new Error('and again'))
    await world.advance('1m')
    expect(subscriptions).toHaveLength(2)
    expect(last()).toMatchObject({ open: true })
    expect(subscriptions.map(({ open }) => open)).toEqual([false, true])
  })
})

describe('a source whose system says when to come again', () => {
  it('is not started before', async () => {
    const { source, subscriptions, last } = broker()
    await using world = await rig([storing(source).readings])
    last().context.failed(new LinkspanError('CALL_RATE_LIMITED', '429', { retry: { afterMs: 300_000 } }))
    await world.advance('299s')
    expect(subscriptions).toHaveLength(1)
    await world.advance('2s')
    expect(subscriptions).toHaveLength(2)
  })
})

describe('a source that polls', () => {
  /** Polls every second, and counts at what times it asked. */
  const polling = (limits?: { readonly remaining: number; readonly resetMs: number }) => {
    const times: number[] = []
    const put = fakeOperation<Reading>('broker.put', { kind: 'natural' })
    const polled = pollSource<Reading>({
      connection: put.connection,
      name: 'readings',
      every: '1s',
      read: async (_client, _cursor, look) => {
        times.push(look.now())
        if (limits && times.length === 3) look.limits(limits)
        return { items: [], cursor: null, more: false }
      },
    })
    return { times, put, flow: flow('polled').from(polled) as Flow }
  }

  it('asks no more often than the budget of its connection allows, and calls are kept from that', async () => {
    const { times, put, flow: polled } = polling()
    const puts = flow('puts').from(inbox<Reading>()).to('put', put)
    await using world = await rig([polled, puts], {
      connections: { broker: { budget: { rate: 4, per: '10s' } } },
    })
    await world.advance('60s')
    expect(times.length).toBeGreaterThanOrEqual(20)
    for (let n = 0; n < 40; n += 1) await world.send(puts, { n })
    await world.advance('2m')
    const all = [...times, ...put.requests.map(({ at }) => at)].sort((a, b) => a - b)
    expect(Math.max(...all.map((from) => all.filter((at) => at >= from && at < from + 10_000).length))).toBe(
      4,
    )
    expect(put.requests).toHaveLength(40)
  })

  it('asks every second without one, which is what tells that the test above can fail', async () => {
    const { times, flow: polled } = polling()
    await using world = await rig([polled])
    await world.advance('60s')
    expect(times.length).toBeGreaterThanOrEqual(60)
  })

  it('leaves the system alone for as long as it asks for', async () => {
    const { times, flow: polled } = polling({ remaining: 0, resetMs: 30_000 })
    await using world = await rig([polled], { connections: { broker: { budget: { rate: 100, per: '1s' } } } })
    await world.advance('60s')
    const gaps = times.slice(1).map((at, nth) => at - (times[nth] as number))
    expect(gaps[2]).toBeGreaterThanOrEqual(29_000)
    expect(Math.max(...gaps.toSpliced(2, 1))).toBeLessThan(3_000)
    expect(times.length).toBeGreaterThan(25)
  })

  it('ends while it waits for the budget', async () => {
    const { times, flow: polled } = polling()
    await using world = await rig([polled], { connections: { broker: { budget: { rate: 1, per: '1h' } } } })
    await world.advance('10s')
    await world.stop()
    expect(times).toHaveLength(1)
  })
})

describe('a message that its source could not read', () => {
  const unreadable = {
    body: { base64: '//8=' },
    unreadable: 'readings/0 at offset 7 is no JSON.',
    key: 'a',
    headers: { topic: 'readings' },
  }

  it('ends as a dead letter with the reason and what there is of it, and holds up nothing', async () => {
    const { source, give } = broker()
    const { put, readings } = storing(source)
    await using world = await rig([readings])
    await world.during(give({ body: { n: 1 }, key: 'a' }, unreadable, { body: { n: 2 }, key: 'a' }))
    await world.advance('1s')
    expect(await world.states()).toEqual(['done', 'dead', 'done'])
    expect(put.requests.map(({ input }) => input)).toEqual([{ n: 1 }, { n: 2 }])
    const { items } = await world.admin.messages({ states: ['dead'] })
    expect(items).toMatchObject([{ key: 'a', error: { code: 'BODY_INVALID' } }])
    const trace = await world.trace(items[0]?.id ?? '')
    expect(trace.message.body).toEqual({ base64: '//8=' })
    expect(JSON.stringify(trace)).toContain('readings/0 at offset 7 is no JSON.')
    expect((await world.admin.replay({ query: {} }, () => {})).differences).toEqual([])
  })

  it('is one after a crash too, and when it is sent again', async () => {
    const { source, give } = broker()
    const { put, readings } = storing(source)
    await using world = await rig([readings])
    await world.during(give(unreadable))
    world.crash()
    await world.start()
    await world.advance('1s')
    expect(await world.states()).toEqual(['dead'])
    const { items } = await world.admin.messages({ states: ['dead'] })
    await world.during(world.admin.redeliver({ ids: [items[0]?.id ?? ''] }, { note: 'again' }))
    await world.advance('1s')
    expect(await world.states()).toEqual(['dead'])
    expect(put.requests).toEqual([])
  })

  it('is accepted too where the flow refuses it, and runs when a flow takes it that was changed', async () => {
    const { source, give, last } = broker()
    const { put, readings } = storing(source)
    await using world = await rig([readings])
    await world.during(give({ body: { n: 1 } }, { body: { n: 'two' }, key: 'a' }, { body: { n: 3 } }))
    await world.advance('1s')
    expect(await world.states()).toEqual(['done', 'dead', 'done'])
    expect(last().open).toBe(true)
    const { items } = await world.admin.messages({ states: ['dead'] })
    const id = items[0]?.id ?? ''
    expect(items).toMatchObject([
      { error: { code: 'BODY_INVALID', message: expect.stringContaining('n: not a number') } },
    ])
    await world.during(world.admin.redeliver({ ids: [id] }, { note: 'in vain' }))
    await world.advance('1s')
    expect((await world.message(id)).state).toBe('dead')

    await world.stop()
    const { schema: _schema, ...lenient } = broker().source
    const changed: Flow = flow('readings').from(lenient).to('put', put)
    await world.start([changed])
    expect((await world.admin.replay({ query: {} }, () => {})).differences).toMatchObject([{ id }])
    await world.during(world.admin.redeliver({ ids: [id] }, { note: 'now' }))
    await world.advance('1s')
    expect(await world.states()).toEqual(['done', 'done', 'done'])
    expect(put.requests.map(({ input }) => input.n)).toEqual([1, 3, 'two'])
  })

  it('is not made by a header that somebody sends along', async () => {
    const { source, give } = broker()
    await using world = await rig([storing(source).readings])
    await world.during(
      give({ body: { n: 1 }, headers: { 'linkspan-unreadable': 'so they say', other: 'x' } }),
    )
    await world.advance('1s')
    const { items } = await world.admin.messages({})
    expect(items).toMatchObject([{ state: 'done' }])
    expect((await world.trace(items[0]?.id ?? '')).message.headers).toEqual({ other: 'x' })
  })
})

describe('the key that a system gives a message', () => {
  it('is its key where the flow says none, and the flow has the last word', async () => {
    const given = broker()
    const own = broker()
    const silent: Flow = flow('silent').from(given.source)
    const speaking: Flow = flow('speaking').from(own.source, { key: ({ n }) => `n${n}` })
    await using world = await rig([silent, speaking])
    await world.during(given.give({ body: { n: 1 }, key: 'k' }, { body: { n: 2 } }))
    await world.during(own.give({ body: { n: 1 }, key: 'k' }))
    const { items } = await world.admin.messages({ order: 'oldest' })
    expect(items.map(({ flow: name, key }) => [name, key])).toEqual([
      ['silent', 'k'],
      ['silent', null],
      ['speaking', 'n1'],
    ])
  })
})

describe('a source in a cluster', () => {
  it('runs on one engine, or on each where its system divides the messages', async () => {
    const once = broker()
    const everywhere = broker({ runs: 'everywhere' })
    const flows: readonly Flow[] = [
      flow('once').from(once.source),
      flow('everywhere').from(everywhere.source),
    ]
    await using world = await cluster(flows, { engines: 3 })
    await world.advance('30s')
    expect(once.subscriptions.filter(({ open }) => open)).toHaveLength(1)
    expect(everywhere.subscriptions.filter(({ open }) => open)).toHaveLength(3)
    const [first] = world.nodes
    await first?.stop()
    await world.advance('30s')
    expect(once.subscriptions.filter(({ open }) => open)).toHaveLength(1)
    expect(everywhere.subscriptions.filter(({ open }) => open)).toHaveLength(2)
  })

  it('moves no cursor where it runs on each engine', async () => {
    const { source, last } = broker({ runs: 'everywhere' })
    await using world = await rig([storing(source).readings])
    await expect(world.during(last().context.accept([{ body: { n: 1 } }], '7'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    expect(await world.states()).toEqual([])
  })
})
