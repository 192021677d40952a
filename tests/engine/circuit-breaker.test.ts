import { type AcceptsOf, exponential, type Flow, fixed, flow, inbox, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster-rig.ts'
import { type Rig, rig } from './rig.ts'

interface Order {
  readonly id: string
}

const KEY = { kind: 'key', validFor: '24h' } as const
const quick = { window: { calls: 4 }, minimum: 4, openFor: '1m', trials: 2 } as const

/** The value of a metric of the step `store`. */
function metricOf(one: Pick<Rig, 'engine'>, label: 'event' | 'state', value: string): number {
  const name = label === 'event' ? 'linkspan_step_events_total' : 'linkspan_step_state'
  const line = one.engine.metrics
    .prometheus()
    .split('\n')
    .find((each) => each.startsWith(name) && each.includes(`${label}="${value}"`))
  return Number(line?.split(' ').at(-1) ?? Number.NaN)
}

/** Sends orders one after the other: each has been tried before the next comes. */
async function give<L extends Flow>(one: Rig, orders: L, ids: readonly string[]): Promise<readonly string[]> {
  const given: string[] = []
  for (const id of ids) {
    given.push((await one.send(orders, { id } as AcceptsOf<L>)).id)
    await one.advance('1ms')
  }
  return given
}

const numbered = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, at) => `o${from + at}`)

const idsOf = (requests: readonly { readonly input: Order }[]): readonly string[] =>
  requests.map(({ input }) => input.id)

describe('a circuit breaker that waits', () => {
  const patient = () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 100, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.to('put', put), { ...quick, resume: 2 })
    return { put, orders }
  }

  it('lets nothing through while it is open, tries it with a few, and lets those that waited come after', async () => {
    const { put, orders } = patient()
    await using one = await rig([orders])
    put.when(() => (one.clock.now() < start + 150_000 ? 'unavailable' : undefined))
    const start = one.clock.now()
    await give(one, orders, numbered(0, 4))
    expect(put.requests).toHaveLength(4)
    await give(one, orders, numbered(4, 12))
    await one.advance('50s')
    expect(put.requests).toHaveLength(4)
    // Two try it, and it is open again: for twelve messages there are two more requests a minute.
    await one.advance('20s')
    expect(put.requests).toHaveLength(6)
    await one.advance('55s')
    expect(put.requests).toHaveLength(8)
    expect(put.effects).toHaveLength(0)
    await one.advance('5m')
    expect(idsOf(put.effects).toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => `o${n}`).toSorted())
    expect(new Set(await one.states())).toEqual(new Set(['done']))
    expect(['opened', 'half-opened', 'closed'].map((event) => metricOf(one, 'event', event))).toEqual([
      3, 3, 1,
    ])
    expect(['open', 'closed'].map((state) => metricOf(one, 'state', state))).toEqual([0, 1])
    expect(one.log.lines.filter(({ event }) => event === 'step.opened')).toHaveLength(3)
  })

  it('stays open over a crash, and a message that died while it tried may still', async () => {
    const { put, orders } = patient()
    await using one = await rig([orders])
    put.when(() => 'unavailable')
    await give(one, orders, numbered(0, 4))
    one.crash()
    await one.start()
    await one.advance('50s')
    expect(put.requests).toHaveLength(4)
    put.when(({ attempt }) => (attempt > 0 ? 'silent' : undefined))
    await one.advance('12s')
    expect(put.requests).toHaveLength(6)
    one.crash()
    put.when(() => undefined)
    await one.start()
    await one.advance('1m')
    expect(put.effects).toHaveLength(4)
    expect(new Set(await one.states())).toEqual(new Set(['done']))
  })

  it('shows in the trace what a message waits for, and which step failed', async () => {
    const { put, orders } = patient()
    await using one = await rig([orders])
    put.when(() => 'unavailable')
    const ids = await give(one, orders, numbered(0, 5))
    const last = await one.trace(ids[4] as string)
    expect(last.steps.map(({ path, outcome }) => [path, outcome])).toEqual([['store', 'waiting']])
    expect(last.notes.map(({ what, note }) => `${what} ${note}`)).toEqual([
      expect.stringMatching(/^step store: the circuit is open: waits until \d{4}-/),
    ])
    expect(await one.message(ids[4] as string)).toMatchObject({ reason: 'delay', waitsAt: 'store' })
    expect(last.message.waitsAt).toBe('store')
    const first = await one.trace(ids[0] as string)
    expect(first.steps.map(({ path }) => path)).toEqual(['store', 'store/do/put'])
    expect(first.steps[1]?.attempts.map(({ outcome }) => outcome)).toEqual(['failed'])
    expect(first.notes.map(({ note }) => note)).toEqual([
      'store: let through',
      'store: an attempt failed: CALL_FAILED',
    ])
  })

  it('keeps the order of a key', async () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 100, backoff: fixed('1s') }) })
      .from(inbox<Order>(), { key: ({ id }) => id[0] as string })
      .circuitBreaker('store', (s) => s.to('put', put), { ...quick, minimum: 2, window: { calls: 2 } })
    await using one = await rig([orders])
    put.when(() => (one.clock.now() < until ? 'unavailable' : undefined))
    const until = one.clock.now() + 90_000
    for (const id of ['a1', 'b1', 'a2', 'b2', 'c1', 'a3', 'c2']) await one.send(orders, { id })
    await one.advance('10m')
    const done = idsOf(put.effects)
    for (const key of ['a', 'b', 'c']) {
      const own = done.filter((id) => id.startsWith(key))
      expect(own).toEqual(own.toSorted())
    }
    expect(done).toHaveLength(7)
  })
})

describe('a circuit breaker and the policy around it', () => {
  it('counts each attempt, and leaves what took effect before alone', async () => {
    const first = fakeOperation<Order>('store.first', KEY)
    const second = fakeOperation<Order>('store.second', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 3, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.to('first', first).to('second', second), { whenOpen: 'fail' })
    await using one = await rig([orders])
    second.next('unavailable', 'unavailable')
    await one.send(orders, { id: 'a' })
    await one.advance('5s')
    expect(await one.states()).toEqual(['done'])
    expect([first.requests.length, second.requests.length]).toEqual([1, 3])
    expect(new Set(second.requests.map(({ mark }) => mark)).size).toBe(3)
    expect(['failed', 'succeeded'].map((event) => metricOf(one, 'event', event))).toEqual([2, 1])
  })

  it('is a dead letter after the attempts of its policy, not fewer and not more', async () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 3, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.to('put', put), quick)
    await using one = await rig([orders])
    put.when(() => 'unavailable')
    const { id } = await one.send(orders, { id: 'a' })
    await one.advance('10s')
    expect(put.requests).toHaveLength(3)
    expect(await one.message(id)).toMatchObject({ state: 'dead', error: { code: 'CALL_FAILED' } })
    const trace = await one.trace(id)
    expect(trace.steps.map(({ path }) => path)).toEqual(['store', 'store/do/put'])
    put.when(() => undefined)
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await one.advance('1s')
    expect(await one.states()).toEqual(['done'])
  })

  it('fails with CIRCUIT_OPEN to be tried again when it may be tried', async () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 2, backoff: exponential('1s', '2s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.to('put', put), {
        ...quick,
        minimum: 1,
        whenOpen: 'fail',
        failures: 'CALL_REJECTED',
      })
    await using one = await rig([orders])
    put.next({ rejected: 'no' })
    const [first = '', second = ''] = await give(one, orders, ['a', 'b'])
    await one.advance('59s')
    expect(put.requests).toHaveLength(1)
    await one.advance('3s')
    expect([await one.message(first), await one.message(second)]).toMatchObject([
      { state: 'dead' },
      { state: 'done' },
    ])
    const trace = await one.trace(second)
    expect(trace.steps[0]?.attempts.map(({ error }) => error?.code)).toEqual(['CIRCUIT_OPEN'])
  })

  it('runs the fallback at once when it is open, and after the last attempt when it is not', async () => {
    const ask = fakeOperation<Order, string>('store.ask', KEY, { result: ({ id }) => `asked ${id}` })
    const orders = flow('orders', { onError: retry({ attempts: 2, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.map('mine', (o) => ({ id: `${o.id}!` })).call('ask', ask), {
        ...quick,
        fallback: (s) => s.map('kept', ({ id }, { error }) => `${error.code} ${id}`),
      })
      .reply('answer', (answer) => answer)
    await using one = await rig([orders])
    const ids = [...(await give(one, orders, ['a']))]
    ask.when(() => 'unavailable')
    ids.push(...(await give(one, orders, ['b'])))
    await one.advance('2s')
    // The third failed attempt of four opens it: what is to be tried again finds it so.
    ids.push(...(await give(one, orders, ['c'])))
    await one.advance('2s')
    ids.push(...(await give(one, orders, ['d'])))
    const replies = await Promise.all(ids.map((id) => one.reply(id)))
    expect(replies).toEqual(['asked a!', 'CALL_FAILED b', 'CIRCUIT_OPEN c', 'CIRCUIT_OPEN d'])
    expect(ask.requests).toHaveLength(4)
    one.crash()
    await one.start()
    expect(await Promise.all(ids.map((id) => one.reply(id)))).toEqual(replies)
  })

  it('finds out first what became of a call, and counts that nobody knew', async () => {
    const asked = fakeOperation<Order>('store.put', { kind: 'verify', settleAfter: '1s' }, { timeout: '1s' })
    const doubtful = fakeOperation<Order>('store.tell', { kind: 'none' }, { timeout: '1s' })
    const orders = flow('orders')
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.to('put', asked).to('tell', doubtful, { onUnknown: 'inDoubt' }), {
        ...quick,
        window: { calls: 1 },
        minimum: 1,
        fallback: (s) => s.map('never', (o) => o),
      })
    await using one = await rig([orders])
    asked.next('timeout-after')
    doubtful.next('timeout-after')
    const { id } = await one.send(orders, { id: 'a' })
    await one.advance('1500ms')
    // The circuit is open, and its message still asks what became of its call, and goes on with it.
    expect(metricOf(one, 'state', 'open')).toBe(1)
    await one.advance('10s')
    expect(await one.message(id)).toMatchObject({ state: 'inDoubt' })
    await one.during(one.admin.resolve(id, true, { note: 'it is there' }))
    await one.advance('1s')
    expect(await one.message(id)).toMatchObject({ state: 'done' })
    expect(asked.effects).toHaveLength(1)
  })
})

describe('steps with attempts in each other', () => {
  it('are all come to again when the policy tries again', async () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 5, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .circuitBreaker('store', (s) => s.throttle('few', { concurrent: 1 }, (t) => t.to('put', put)))
    await using one = await rig([orders])
    put.next('unavailable', 'unavailable')
    await give(one, orders, ['a'])
    await one.advance('3s')
    expect([put.requests.length, put.effects.length]).toEqual([3, 1])
    expect(await one.states()).toEqual(['done'])
  })

  it('are come to again in another round of a failover', async () => {
    const north = fakeOperation<Order>('north.put', KEY)
    const south = fakeOperation<Order>('south.put', KEY)
    const own = { onError: retry({ attempts: 1 }) }
    const orders = flow('orders', { onError: retry({ attempts: 5, backoff: fixed('1s') }) })
      .from(inbox<Order>())
      .loadBalance(
        'farm',
        (b) =>
          b
            .target('north', (s) => s.circuitBreaker('guard', (g) => g.to('put', north, own)))
            .target('south', (s) => s.circuitBreaker('guard', (g) => g.to('put', south))),
        { by: { failover: {} } },
      )
    await using one = await rig([orders])
    north.next('unavailable')
    south.next('unavailable')
    await give(one, orders, ['a'])
    await one.advance('3s')
    expect([north.requests.length, south.requests.length]).toEqual([2, 1])
    expect(await one.states()).toEqual(['done'])
  })
})

describe('one circuit for several engines', () => {
  it('opens for all, is tried by as many as it says, and loses nothing when engines die', async () => {
    const put = fakeOperation<Order>('store.put', KEY)
    const orders = flow('orders', { onError: retry({ attempts: 100, backoff: fixed('1s') }) })
      .from(inbox<Order>(), { key: ({ id }) => id })
      .circuitBreaker('store', (s) => s.to('put', put), { ...quick, resume: 10 })
    await using three = await cluster([orders])
    put.when(() => (three.clock.now() < until ? 'unavailable' : undefined))
    const until = three.clock.now() + 100_000
    for (let n = 0; n < 30; n += 1) {
      await three.nodes[n % 3]?.send(orders, { id: `o${n}` })
      await three.advance('10ms')
    }
    // What was under way when it opened is let come to its end; the others wait.
    const atFirst = put.requests.length
    expect(atFirst).toBeLessThan(10)
    await three.advance('50s')
    expect(put.requests).toHaveLength(atFirst)
    three.nodes[0]?.kill()
    await three.advance('15s')
    expect(put.requests.length).toBeLessThanOrEqual(atFirst + 2)
    await three.advance('10m')
    expect(put.effects).toHaveLength(30)
    expect(new Set(idsOf(put.effects)).size).toBe(30)
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })
})
