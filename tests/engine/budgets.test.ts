import { createEngine, flow, inbox } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster-rig.ts'
import { rig } from './rig.ts'

const natural = { kind: 'natural' } as const
type Item = { readonly n: number; readonly key?: string }

const putting = (name = 'put', put = fakeOperation<Item>('boards.put', natural)) => {
  const puts = flow(name)
    .from(inbox<Item>(), { key: (item) => item.key ?? null })
    .to('put', put)
  return { put, puts }
}

const most = (starts: readonly { readonly at: number }[], ms: number): number =>
  Math.max(0, ...starts.map(({ at: from }) => starts.filter(({ at }) => at >= from && at < from + ms).length))

const budgeted = (budget: unknown) => ({ connections: { boards: { budget } } })

describe('the budget of a connection', () => {
  it('bounds how many calls begin, and all are made in the end', async () => {
    const { put, puts } = putting()
    await using world = await rig([puts], budgeted({ rate: 10, per: '10s' }))
    for (let n = 0; n < 45; n += 1) await world.send(puts, { n })
    await world.advance('9s')
    expect(put.requests).toHaveLength(10)
    await world.advance('2m')
    expect(put.requests).toHaveLength(45)
    expect(most(put.requests, 10_000)).toBe(10)
    expect(new Set(await world.states())).toEqual(new Set(['done']))
  })

  it('is not kept without one, which is what tells that the test above can fail', async () => {
    const { put, puts } = putting()
    await using world = await rig([puts], { connections: { boards: {} } })
    for (let n = 0; n < 45; n += 1) await world.send(puts, { n })
    await world.advance('1s')
    expect(most(put.requests, 10_000)).toBe(45)
  })

  it('is shared by all flows', async () => {
    const { put, puts } = putting()
    const { puts: others } = putting('put-too', put)
    await using world = await rig([puts, others], budgeted({ rate: 4, per: '10s' }))
    for (let n = 0; n < 6; n += 1) {
      await world.send(puts, { n })
      await world.send(others, { n })
    }
    await world.advance('2m')
    expect(put.requests).toHaveLength(12)
    expect(most(put.requests, 10_000)).toBe(4)
  })

  it('lets a message wait in the journal, holding its key and no worker', async () => {
    const { put, puts } = putting()
    const free = flow('free', { concurrency: 1 })
      .from(inbox<Item>())
      .map('same', (item) => item)
    await using world = await rig([puts, free], budgeted({ rate: 1, per: '1m' }))
    await world.send(puts, { n: 0, key: 'a' })
    const waits = await world.send(puts, { n: 1, key: 'b' })
    await world.send(puts, { n: 2, key: 'b' })
    await world.send(free, { n: 3 })
    await world.advance('2s')
    expect(await world.message(waits.id)).toMatchObject({
      state: 'waiting',
      reason: 'budget',
      budget: 'boards',
    })
    expect((await world.trace(waits.id)).message.wakeAt).toBeGreaterThan(world.clock.now() + 50_000)
    expect(await world.states()).toEqual(['done', 'waiting', 'waiting', 'done'])
    expect(world.engine.metrics.prometheus()).toContain('linkspan_budget_waits_total{connection="boards"} 1')
    expect((await world.admin.status()).budgets).toMatchObject([{ connection: 'boards', waiting: 1 }])
    await world.advance('5m')
    expect(put.requests.map(({ input }) => input.n)).toEqual([0, 1, 2])
  })

  it('wakes no more of a backlog than it can serve', async () => {
    const { put, puts } = putting()
    await using world = await rig([puts], budgeted({ rate: 20, per: '1m' }))
    for (let n = 0; n < 300; n += 1) await world.send(puts, { n })
    await world.advance('30m')
    expect(put.requests).toHaveLength(300)
    const waits = /linkspan_budget_waits_total\{connection="boards"\} (\d+)/.exec(
      world.engine.metrics.prometheus(),
    )
    // Each comes once, is sent back once, and comes again when it is its turn.
    expect(Number(waits?.[1])).toBeLessThanOrEqual(300 * 1.25)
  })

  it('keeps the quota of a day over crashes', async () => {
    const { put, puts } = putting()
    await using world = await rig([puts], budgeted({ perDay: 10 }))
    for (let n = 0; n < 25; n += 1) await world.send(puts, { n })
    for (let n = 0; n < 4; n += 1) {
      await world.advance('1h')
      world.crash()
      await world.start()
    }
    await world.advance('1h')
    expect(put.requests).toHaveLength(10)
    await world.advance('24h')
    expect(put.requests).toHaveLength(20)
    await world.advance('48h')
    expect(put.requests).toHaveLength(25)
  })

  it('bounds how many calls are under way', async () => {
    let underWay = 0
    let peak = 0
    const { put } = putting()
    const slow = {
      ...put,
      run: async (...given: Parameters<typeof put.run>) => {
        underWay += 1
        peak = Math.max(peak, underWay)
        await new Promise<void>((resolve) => world.clock.timer(3_000, resolve))
        underWay -= 1
        return put.run(...given)
      },
    }
    const slowly = flow('slowly').from(inbox<Item>()).to('put', slow)
    await using world = await rig([slowly], budgeted({ concurrent: 3 }))
    for (let n = 0; n < 30; n += 1) await world.send(slowly, { n })
    await world.advance('5m')
    expect(put.requests).toHaveLength(30)
    expect(peak).toBe(3)
  })

  it('holds back all calls when the system asks for quiet', async () => {
    const { put, puts } = putting()
    put.next({ retryAfter: '40s' })
    await using world = await rig([puts], budgeted({}))
    await world.send(puts, { n: 0 })
    await world.advance('1s')
    for (let n = 1; n < 6; n += 1) await world.send(puts, { n })
    await world.advance('30s')
    expect(put.requests).toHaveLength(1)
    await world.advance('5m')
    expect(put.requests).toHaveLength(7)
    expect(new Set(await world.states())).toEqual(new Set(['done']))
  })

  it('that is not right keeps the engine from starting', async () => {
    const { puts } = putting()
    const engine = createEngine({ journal: simulated(), flows: [puts], ...budgeted({ rate: 0, per: '1s' }) })
    await expect(engine.validate()).rejects.toThrow(/budget of connection "boards".*rate is a whole number/)
  })
})

describe('the budget of a connection that three engines share', () => {
  it('bounds their calls together, and one that died gives its part back', async () => {
    const { put, puts } = putting()
    await using world = await cluster([puts], { project: budgeted({ rate: 12, per: '10s', concurrent: 4 }) })
    const [first, second, third] = world.nodes
    for (let n = 0; n < 60; n += 1) await world.nodes[n % 3]?.send(puts, { n, key: `k${n}` })
    await world.advance('5s')
    second?.kill()
    await world.advance('20m')
    expect(most(put.requests, 10_000)).toBeLessThanOrEqual(12)
    expect(new Set(put.requests.map(({ input }) => input.n)).size).toBe(60)
    expect([first?.isAlive, third?.isAlive]).toEqual([true, true])
  })

  it('is not exceeded by one that slept and wakes', async () => {
    const { put, puts } = putting()
    await using world = await cluster([puts], { project: budgeted({ rate: 6, per: '10s' }) })
    const [, second] = world.nodes
    for (let n = 0; n < 30; n += 1) await world.nodes[n % 3]?.send(puts, { n, key: `k${n}` })
    await world.advance('3s')
    second?.freeze()
    await world.advance('40s')
    second?.thaw()
    await world.advance('10m')
    expect(most(put.requests, 10_000)).toBeLessThanOrEqual(6)
    expect(new Set(put.requests.map(({ input }) => input.n)).size).toBe(30)
  })

  it('has turns where there are fewer places than engines', async () => {
    const { put, puts } = putting()
    await using world = await cluster([puts], { project: budgeted({ concurrent: 1 }) })
    let underWay = 0
    let peak = 0
    const run = put.run.bind(put)
    Object.assign(put, {
      async run(...given: Parameters<typeof run>) {
        underWay += 1
        peak = Math.max(peak, underWay)
        await new Promise<void>((resolve) => world.clock.timer(500, resolve))
        underWay -= 1
        return run(...given)
      },
    })
    for (let n = 0; n < 60; n += 1) await world.nodes[n % 3]?.send(puts, { n, key: `k${n}` })
    await world.advance('20s')
    const calls = world.nodes.map(({ engine }) =>
      Number(/budget_calls_total\{connection="boards"\} (\d+)/.exec(engine.metrics.prometheus())?.[1] ?? 0),
    )
    expect(Math.min(...calls)).toBeGreaterThan(0)
    await world.advance('10m')
    expect(new Set(put.requests.map(({ input }) => input.n)).size).toBe(60)
    expect(peak).toBe(1)
  })

  it('takes in what the system says, on all of them', async () => {
    const { put, puts } = putting()
    put.next({ retryAfter: '60s' })
    await using world = await cluster([puts], { project: budgeted({}) })
    await world.nodes[0]?.send(puts, { n: -1 })
    await world.advance('3s')
    const before = put.requests.length
    for (let n = 0; n < 30; n += 1) await world.nodes[n % 3]?.send(puts, { n, key: `k${n}` })
    await world.advance('40s')
    expect(put.requests).toHaveLength(before)
    await world.advance('5m')
    expect(new Set(put.requests.map(({ input }) => input.n)).size).toBe(31)
  })
})
