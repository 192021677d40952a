import { channel, fixed, flow, inbox, retry } from 'linkspan'
import {
  type Clock,
  type Connector,
  configSchema,
  type Guarantee,
  LinkspanError,
  type Operation,
} from 'linkspan/connect'
import { type FakeOperation, fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster-rig.ts'
import { type FakeLog, fakeLog } from './fake-log.ts'
import { type Rig, type RigOptions, rig } from './rig.ts'

interface Order {
  readonly id: string
  readonly key: string
  readonly total: number
}

const order = (nth: number, of = 3): Order => ({ id: `o${nth}`, key: `k${nth % of}`, total: nth })
const orders = (count: number) => Array.from({ length: count }, (_, nth) => order(nth))
const patient = retry({ attempts: 20, backoff: fixed('1s') })
const keep = { durability: 'source', onError: patient } as const

/** Records of one key lie in one partition, as a producer puts them. */
function fill(log: FakeLog<Order>, all: readonly Order[]): void {
  for (const each of all) log.append(Number(each.key.slice(1)) % log.committed.length, each)
}

const put = (options: object = {}) => fakeOperation<Order>('store.put', { kind: 'natural' }, options)
/** An operation that takes its time to answer. */
function slow(
  ms: number,
  guarantee: Guarantee = { kind: 'natural' },
  only: (input: Order) => boolean = () => true,
) {
  const effects: { readonly input: Order }[] = []
  const connector: Connector<object, Clock> = {
    name: 'slow',
    spec: { summary: 'A slow system.', stability: 'stable', options: [] },
    config: configSchema({}),
    connect: async (_config, { clock }) => clock,
  }
  const operation: Operation<Order, undefined> = {
    connection: { name: 'slow', connector: connector as never, optional: true },
    name: 'put',
    guarantee,
    run: (clock, input) =>
      new Promise((resolve) => {
        effects.push({ input })
        if (only(input)) (clock as Clock).timer(ms, () => resolve(undefined))
        else resolve(undefined)
      }),
  }
  return Object.assign(operation, { effects })
}

/** Ends the engine, if it lives, and starts another one: again where it dies in its start. */
async function revive(engine: Rig): Promise<void> {
  let last: unknown
  for (let tries = 0; tries < 5; tries++) {
    kill(engine)
    try {
      await engine.start()
      return
    } catch (error) {
      // A commit of its start was chosen.
      last = error
    }
  }
  throw new Error('It does not start.', { cause: last })
}

function kill(engine: Rig): void {
  try {
    engine.crash()
  } catch {
    // It died in a call.
  }
}

const idsOf = (operation: { readonly effects: readonly { readonly input: Order }[] }) =>
  operation.effects.map(({ input }) => input.id)

async function journalOf(engine: Rig) {
  const { items } = await engine.admin.messages({ limit: 1_000 })
  return items.map(({ state, error }) => [state, error?.message])
}

describe('a flow whose source keeps its messages', () => {
  it('runs them, acknowledges what has ended, in order, and leaves nothing in the journal of pure and natural steps', async () => {
    const log = fakeLog<Order>({ key: ({ key }) => key })
    const store = put()
    const book = flow('book', keep)
      .from(log.source)
      .filter('not free', ({ total }) => total > 0)
      .map('doubled', (each) => ({ ...each, total: each.total * 2 }))
      .to('put', store)
    await using engine = await rig([book])
    const before = engine.journal.commits
    fill(log, orders(30))
    await engine.advance('1s')
    expect(log.isAtEnd).toBe(true)
    expect(idsOf(store).toSorted()).toEqual(
      orders(30)
        .slice(1)
        .map(({ id }) => id)
        .toSorted(),
    )
    expect(engine.journal.commits).toBe(before)
    expect(await journalOf(engine)).toEqual([])
    const [status] = await engine.admin.flows()
    expect(status).toMatchObject({ name: 'book' })
  })

  it('keeps the order of each key, and runs different keys side by side', async () => {
    const log = fakeLog<Order>({ key: ({ key }) => key })
    const store = slow(10_000, undefined, ({ key }) => key === 'k0')
    const book = flow('book', keep).from(log.source).to('put', store)
    await using engine = await rig([book])
    fill(log, orders(9))
    await engine.advance('1s')
    expect(idsOf(store).toSorted()).toEqual(['o0', 'o1', 'o2', 'o4', 'o5', 'o7', 'o8'])
    await engine.advance('1m')
    expect(log.isAtEnd).toBe(true)
    for (const key of ['k0', 'k1', 'k2'])
      expect(store.effects.filter(({ input }) => input.key === key).map(({ input }) => input.total)).toEqual(
        orders(9)
          .filter((each) => each.key === key)
          .map(({ total }) => total),
      )
  })

  it('commits no place before all that lies before it has ended', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const store = put()
    store.when(({ input, attempt }) => (input.id === 'o2' && attempt < 3 ? 'unavailable' : undefined))
    const book = flow('book', keep).from(log.source).to('put', store)
    await using engine = await rig([book])
    fill(log, orders(5))
    await engine.advance('900ms')
    expect(idsOf(store)).toEqual(['o0', 'o1', 'o3', 'o4'])
    expect(log.committed).toEqual([2])
    await engine.advance('1m')
    expect(log.committed).toEqual([5])
    expect(store.effects).toHaveLength(5)
  })

  it('takes no more on than its window, and goes on as there is room', async () => {
    const log = fakeLog<Order>({ partitions: 1, batch: 5 })
    const store = slow(1000)
    const book = flow('book', { ...keep, window: 10, concurrency: 4 })
      .from(log.source)
      .to('put', store)
    await using engine = await rig([book])
    fill(log, orders(100))
    await engine.advance('500ms')
    expect(log.delivered.size).toBeLessThanOrEqual(20)
    await engine.advance('1m')
    expect(log.isAtEnd).toBe(true)
    expect(store.effects).toHaveLength(100)
  })

  it('puts dead letters and doubts into the journal with their record, acknowledges them, and they can be sent again', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const first = fakeOperation<Order>('bank.first', { kind: 'key', validFor: '24h' })
    const second = fakeOperation<Order>('bank.second', { kind: 'none' })
    let isClosed = true
    second.when(({ input }) => {
      if (input.id === 'o1' && isClosed) return { rejected: 'no such account' }
      return input.id === 'o2' ? 'reset-after' : undefined
    })
    const pay = flow('pay', keep)
      .from(log.source)
      .to('first', first)
      .to('second', second, { onUnknown: 'inDoubt' })
    await using engine = await rig([pay])
    fill(log, orders(4))
    await engine.advance('1s')
    expect(log.isAtEnd).toBe(true)
    const { items } = await engine.admin.messages({ order: 'oldest' })
    expect(items.map(({ state, error }) => [state, error?.code])).toEqual([
      ['dead', 'CALL_REJECTED'],
      ['inDoubt', 'CALL_FAILED'],
    ])
    const dead = items[0]?.id ?? ''
    expect(JSON.stringify(await engine.trace(dead))).toContain('no such account')
    isClosed = false
    await engine.during(engine.admin.redeliver({ ids: [dead] }, { note: 'opened' }))
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'inDoubt'])
    expect(first.effects, 'its first effect is on record').toHaveLength(4)
    expect(second.effects.map(({ input }) => input.id).toSorted()).toEqual(['o0', 'o1', 'o2', 'o3'])
  })
})

describe('what is on record of a message in its source log', () => {
  const GUARANTEES: readonly Guarantee[] = [
    { kind: 'key', validFor: '24h' },
    { kind: 'verify', settleAfter: '1s' },
    { kind: 'natural' },
  ]

  /** Runs orders through a flow, with something that goes wrong, and engines that come after until all is done. */
  async function through(
    effect: FakeOperation<Order>,
    options: { readonly onCommit?: RigOptions['onCommit']; readonly dies?: (engine: () => Rig) => void },
  ): Promise<{
    readonly log: FakeLog<Order>
    readonly rates: FakeOperation<Order, number>
    readonly lives: number
  }> {
    const log = fakeLog<Order>({ key: ({ key }) => key, batch: 4 })
    let asked = 0
    const rates = fakeOperation<Order, number>(
      'rates.get',
      { kind: 'natural' },
      {
        result: () => {
          asked += 1
          return asked
        },
      },
    )
    const book = flow('book', keep)
      .from(log.source)
      .call('rate', rates, { input: (each: Order) => each, as: 'rate' })
      .to(
        'effect',
        effect as never,
        { input: (each: Order, ctx: { rate: number }) => ({ ...each, rate: ctx.rate }) } as never,
      )
    let engine: Rig | null = null
    options.dies?.(() => engine as unknown as Rig)
    engine = await rig([book as never], options.onCommit ? { onCommit: options.onCommit } : {})
    fill(log, orders(9))
    let lives = 1
    for (; lives < 40 && !log.isAtEnd; lives++) {
      await engine.advance('2m')
      if (log.isAtEnd) break
      await revive(engine)
    }
    await engine.advance('1m')
    expect(log.isAtEnd, 'all of it is acknowledged').toBe(true)
    const { items } = await engine.admin.messages({ limit: 100 })
    expect(items, 'nothing for people to look at').toEqual([])
    kill(engine)
    return { log, rates, lives }
  }

  const judge = (effect: FakeOperation<Order>, what: string): void => {
    const ids = [...new Set(idsOf(effect))]
    expect(ids.toSorted(), what).toEqual(orders(9).map(({ id }) => id))
    if (effect.guarantee.kind !== 'natural') expect(effect.effects, `${what}: each once`).toHaveLength(9)
    for (const key of ['k0', 'k1', 'k2']) {
      const firsts = ids.filter((id) => orders(9).find((each) => each.id === id)?.key === key)
      expect(firsts, `${what}: in order`).toEqual(firsts.toSorted())
    }
  }

  it.each(GUARANTEES)(
    'brings each effect once past an engine that dies at any commit: %j',
    async (guarantee) => {
      const plain = fakeOperation<Order>('system.effect', guarantee, { timeout: '5s' })
      let commits = 0
      const counting = (_batch: unknown, n: number): 'ok' => {
        commits = n
        return 'ok'
      }
      await through(plain, { onCommit: counting })
      judge(plain, 'undisturbed')
      if (guarantee.kind !== 'natural') expect(commits).toBeGreaterThan(3)
      for (const fate of ['lost-before', 'lost-after'] as const)
        for (let at = 1; at <= commits; at++) {
          const effect = fakeOperation<Order>('system.effect', guarantee, { timeout: '5s' })
          const { lives } = await through(effect, { onCommit: (_batch, n) => (n === at ? fate : 'ok') })
          judge(effect, `${fate} at commit ${at}`)
          expect(lives, 'it died').toBeGreaterThan(1)
        }
    },
  )

  it.each(GUARANTEES)(
    'brings each effect once past an engine that dies in any call: %j',
    async (guarantee) => {
      for (const moment of ['before', 'after'] as const)
        for (let at = 1; at <= 9; at++) {
          const effect = fakeOperation<Order>('system.effect', guarantee, { timeout: '5s' })
          let calls = 0
          await through(effect, {
            dies: (engine) =>
              effect.when(() => {
                calls += 1
                if (calls !== at) return undefined
                queueMicrotask(() => kill(engine()))
                return moment === 'before' ? 'timeout-before' : 'timeout-after'
              }),
          })
          judge(effect, `${moment} call ${at}`)
        }
    },
  )

  it('sends the same again, and asks no second time what an effect was made from', async () => {
    const effect = fakeOperation<Order>(
      'system.effect',
      { kind: 'verify', settleAfter: '1s' },
      { timeout: '5s' },
    )
    let calls = 0
    await through(effect, {
      dies: (engine) =>
        effect.when(() => {
          calls += 1
          if (calls !== 4) return undefined
          queueMicrotask(() => kill(engine()))
          return 'timeout-before'
        }),
    })
    judge(effect, 'asked')
    const marks = Map.groupBy(effect.requests, ({ input }) => input.id)
    for (const [id, requests] of marks)
      expect(new Set(requests.map(({ input }) => JSON.stringify(input))).size, id).toBe(1)
  })

  it('becomes a doubt where nobody can say, once, whichever commit the engine dies at', async () => {
    for (let at = 0; at <= 12; at++) {
      const log = fakeLog<Order>({ partitions: 1 })
      const effect = fakeOperation<Order>('system.effect', { kind: 'none' }, { timeout: '5s' })
      effect.when(({ input }) => (input.id === 'o1' ? 'reset-after' : undefined))
      const act = flow('act', keep).from(log.source).to('effect', effect, { onUnknown: 'inDoubt' })
      const engine = await rig([act], { onCommit: (_batch, n) => (n === at ? 'lost-after' : 'ok') })
      fill(log, orders(3))
      for (let lives = 0; lives < 5 && !log.isAtEnd; lives++) {
        await engine.advance('2m')
        await revive(engine)
      }
      await engine.advance('2m')
      expect(log.isAtEnd, `commit ${at}`).toBe(true)
      const { items } = await engine.admin.messages({ limit: 100 })
      for (const { state } of items) expect(state).toBe('inDoubt')
      expect(items.length, `commit ${at}`).toBeGreaterThanOrEqual(1)
      expect(effect.effects.length + items.length, `commit ${at}`).toBeGreaterThanOrEqual(3)
      expect(new Set(idsOf(effect)).size, `none twice, commit ${at}`).toBe(effect.effects.length)
      kill(engine)
    }
  })

  it('is moved with a dead letter, whichever commit the engine dies at', async () => {
    for (let at = 0; at <= 14; at++)
      for (const fate of ['lost-before', 'lost-after'] as const) {
        const log = fakeLog<Order>({ partitions: 1 })
        let isArmed = true
        const first = fakeOperation<Order>('bank.first', { kind: 'key', validFor: '24h' })
        const second = fakeOperation<Order>('bank.second', { kind: 'key', validFor: '24h' })
        second.when(() => ({ rejected: 'closed' }))
        const pay = flow('pay', keep).from(log.source).to('first', first).to('second', second)
        const engine = await rig([pay], { onCommit: (_batch, n) => (isArmed && n === at ? fate : 'ok') })
        fill(log, orders(2))
        for (let lives = 0; lives < 5 && !log.isAtEnd; lives++) {
          await engine.advance('2m')
          await revive(engine)
        }
        await engine.advance('2m')
        const { items } = await engine.admin.messages({ limit: 100 })
        expect(
          items.map(({ state }) => state),
          `${fate} ${at}`,
        ).toEqual(['dead', 'dead'])
        expect(first.effects, `${fate} ${at}: not again`).toHaveLength(2)
        second.when(() => undefined)
        isArmed = false
        for (const { id } of items)
          await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'again' }))
        await engine.advance('1m')
        expect(await engine.states(), `${fate} ${at}`).toEqual(['done', 'done'])
        expect(first.effects, `${fate} ${at}: on record`).toHaveLength(2)
        expect(second.effects).toHaveLength(2)
        kill(engine)
      }
  })

  it('has the changes of state in the same commit, so that none is made twice', async () => {
    let commits = 0
    const counting = (_batch: unknown, n: number): 'ok' => {
      commits = n
      return 'ok'
    }
    const run = async (onCommit: NonNullable<RigOptions['onCommit']>): Promise<readonly number[]> => {
      const log = fakeLog<Order>({ key: ({ key }) => key })
      const store = fakeOperation<number>('store.put', { kind: 'key', validFor: '24h' })
      const count = flow('count', keep)
        .from(log.source)
        .state('sum', { key: () => 'all', initial: () => 0, as: 'sum' }, (sum, each) => ({
          state: sum + each.total + 1,
          result: sum + each.total + 1,
        }))
        .to('put', store, { input: (_each, { sum }) => sum })
      const engine = await rig([count as never], { onCommit })
      fill(log, orders(6))
      for (let lives = 0; lives < 5 && !log.isAtEnd; lives++) {
        await engine.advance('2m')
        if (log.isAtEnd) break
        await revive(engine)
      }
      expect(log.isAtEnd).toBe(true)
      kill(engine)
      return store.effects.map(({ input }) => input)
    }
    const plain = await run(counting)
    expect(Math.max(...plain)).toBe(21)
    expect(plain).toHaveLength(6)
    for (let at = 1; at <= commits; at++)
      for (const fate of ['lost-before', 'lost-after'] as const) {
        const sums = await run((_batch, n) => (n === at ? fate : 'ok'))
        expect(Math.max(...sums), `${fate} ${at}`).toBe(21)
        expect(sums, `${fate} ${at}`).toHaveLength(6)
      }
  })
})

describe('a partition that goes to another reader', () => {
  it('takes its messages with it: nothing more is sent for them, and what comes back goes on from its record', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const store = put()
    let isDown = true
    store.when(() => (isDown ? 'unavailable' : undefined))
    const book = flow('book', keep).from(log.source).to('put', store)
    await using engine = await rig([book])
    fill(log, orders(3))
    await engine.advance('500ms')
    log.revoke(0)
    const before = store.requests.length
    isDown = false
    await engine.advance('1m')
    expect(store.requests).toHaveLength(before)
    expect(log.committed).toEqual([0])
    log.regive(0)
    await engine.advance('1m')
    expect(log.committed).toEqual([3])
    expect(idsOf(store).toSorted()).toEqual(['o0', 'o1', 'o2'])
  })

  it('comes back while a call is under way: it goes on, and is made once', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const store = slow(20000)
    const book = flow('book', keep).from(log.source).to('put', store)
    await using engine = await rig([book])
    fill(log, orders(2))
    await engine.advance('1s')
    log.revoke(0)
    log.regive(0)
    await engine.advance('1m')
    expect(log.committed).toEqual([2])
    expect(store.effects).toHaveLength(2)
  })

  it('is read again by a source that failed and was started again', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const effect = slow(3_000, { kind: 'key', validFor: '24h' })
    const act = flow('act', keep).from(log.source).to('effect', effect)
    await using engine = await rig([act])
    fill(log, orders(4))
    await engine.advance('1s')
    log.fail(new LinkspanError('CONNECTION_FAILED', 'gone', { retry: 'later' }))
    await engine.advance('1m')
    expect(log.committed).toEqual([4])
    expect(effect.effects).toHaveLength(4)
  })

  it('is let go in order when the engine stops: what runs ends and is acknowledged', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const store = slow(2000)
    const book = flow('book', { ...keep, concurrency: 2 })
      .from(log.source)
      .to('put', store)
    const engine = await rig([book])
    fill(log, orders(6))
    await engine.advance('1s')
    await engine.stop()
    expect(log.committed).toEqual([2])
    await engine.start()
    await engine.advance('1m')
    expect(log.committed).toEqual([6])
    expect(store.effects).toHaveLength(6)
    await engine.stop()
  })
})

describe('what such a flow may be', () => {
  const refusal = async (made: Parameters<typeof rig>[0][number]): Promise<string> => {
    const started = await rig([made]).then(
      async (engine) => {
        await engine.stop()
        return 'it started'
      },
      (error: Error) => error.message,
    )
    return started
  }

  it('is refused for a source without a log, one that does not hold, and dedupe of the source', async () => {
    const log = fakeLog<Order>()
    expect(await refusal(flow('a', keep).from(inbox<Order>()))).toMatch(/has no log of its own/)
    expect(await refusal(flow('b', keep).from(fakeLog<Order>({ unfit: 'set acks to all.' }).source))).toMatch(
      /set acks to all/,
    )
    expect(await refusal(flow('c', keep).from(log.source, { dedupe: ({ id }) => id }))).toMatch(
      /states dedupe/,
    )
  })

  it('is refused for steps that make or let wait messages, wherever they stand', async () => {
    const log = fakeLog<Order>()
    const start = () => flow('a', keep).from(log.source)
    expect(await refusal(start().delay('later', '1h'))).toMatch(/"later" \(delay\)/)
    expect(await refusal(start().tap('aside', (each) => each.map('id', ({ id }) => id)))).toMatch(/\(tap\)/)
    const inside = start().choice('kind', (c) =>
      c
        .when(
          'big',
          ({ total }) => total > 5,
          (each) => each.delay('wait', '1s'),
        )
        .otherwise((each) => each),
    )
    expect(await refusal(inside)).toMatch(/"kind\/big\/wait" \(delay\)/)
  })

  it('is refused for state where several engines share the journal', async () => {
    const log = fakeLog<Order>()
    const once = flow('once', keep)
      .from(log.source)
      .dedupe('once', { by: ({ id }) => id })
    await expect(cluster([once])).rejects.toThrow(/keeps engine state/)
  })

  it('publishes with its end, once', async () => {
    const log = fakeLog<Order>({ partitions: 1 })
    const found = channel<Order>('found', { kind: 'topic' } as never)
    const store = put()
    const feed = flow('feed', keep).from(log.source).publish('tell', found)
    const take = flow('take').from(found).to('put', store)
    await using engine = await rig([feed, take])
    fill(log, orders(5))
    await engine.advance('1s')
    expect(log.isAtEnd).toBe(true)
    expect(idsOf(store).toSorted()).toEqual(orders(5).map(({ id }) => id))
  })
})
