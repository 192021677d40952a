import { event, fixed, flow, inbox, retry } from 'linkspan'
import { schedule } from 'linkspan/schedule'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { type Cluster, cluster, type Node } from './cluster-rig.ts'

interface Order {
  readonly key: string
  readonly n: number
}

const node = ({ nodes }: Cluster, n: number): Node => nodes[n] as Node
const KEYS = Array.from({ length: 12 }, (_, at) => `k${at}`)

/** A flow that all engines have, and one that only some are given. */
function flows() {
  const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
  const common = flow('common')
    .from(inbox<Order>())
    .map('same', (order) => order)
  const rare = flow('rare', { onError: retry({ attempts: 100, backoff: fixed('2s') }) })
    .from(inbox<Order>(), { key: ({ key }) => key })
    .to('put', put)
  return { put, common, rare }
}

/** One engine that has the rare flow, and two that lack it, with two messages of each key. */
async function started(made: ReturnType<typeof flows>): Promise<Cluster> {
  const engines = await cluster([made.common, made.rare], { engines: 1 })
  for (const _ of [1, 2]) await engines.join([made.common])
  await engines.advance('30s')
  for (const n of [1, 2]) for (const key of KEYS) await node(engines, 0).send(made.rare, { key, n })
  return engines
}

const numbersOf = (effects: readonly { readonly input: Order }[], key: string): readonly number[] =>
  effects.filter(({ input }) => input.key === key).map(({ input }) => input.n)

const lentBy = (engine: Node): number => engine.log.of('message.lent').length

/** Redelivers all messages of the rare flow at an engine, the oldest first; answers the codes of what is refused. */
async function redelivered(
  engines: Cluster,
  { admin }: Node,
): Promise<{ readonly done: number; readonly refused: readonly string[] }> {
  const { items } = await admin.messages({ flow: 'rare', order: 'oldest' })
  const ids = items.map(({ id }) => id)
  const { done, refused } = await engines.during(admin.redeliver({ ids }, { note: 'today' }))
  return { done, refused: refused.map(({ error }) => error.code) }
}

describe('a flow that only some engines of a cluster have', () => {
  it('runs there whoever owns the partitions of its messages, in the order of each key', async () => {
    const made = flows()
    await using engines = await started(made)
    await engines.advance('10s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
    expect(lentBy(node(engines, 0))).toBe(0)
  })

  it('does so without the waiting messages being counted for each loan', async () => {
    const made = flows()
    await using engines = await started(made)
    const counted = engines.surveys()
    await engines.advance('10s')
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
    expect(engines.surveys()).toBe(counted)
  })

  it('is shown with what is lent while it runs, and not as missing', async () => {
    const made = flows()
    made.put.when(() => 'silent')
    await using engines = await started(made)
    await engines.advance('5s')
    const { loans } = await node(engines, 1).admin.cluster()
    expect(loans).toEqual([{ flow: 'rare', to: node(engines, 0).member, count: expect.any(Number) }])
    const { items } = await node(engines, 1).admin.messages({ flow: 'rare' })
    expect(items.map(({ error }) => error?.code)).not.toContain('FLOW_UNKNOWN')
  })

  it('keeps a key held over a retry that the owner of the partition wakes', async () => {
    const made = flows()
    let failing = true
    made.put.when(() => (failing ? 'unavailable' : undefined))
    await using engines = await started(made)
    await engines.advance('7s')
    failing = false
    await engines.advance('10s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
  })

  it('waits while no engine has it, visibly, and goes on when one joins that has', async () => {
    const made = flows()
    made.put.when(() => 'unavailable')
    await using engines = await started(made)
    await engines.advance('1s')
    await node(engines, 0).stop()
    await engines.advance('1m')
    const { items } = await node(engines, 1).admin.messages({ flow: 'rare' })
    expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['waiting']))
    expect(new Set(items.flatMap(({ error }) => error?.code ?? []))).toContain('FLOW_UNKNOWN')
    made.put.when(() => undefined)
    await engines.join([made.common, made.rare])
    await engines.advance('30s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
  })

  it('finds a place for the children of what it runs for others when it inherits their partitions', async () => {
    const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
    const common = flow('common')
      .from(inbox<Order>())
      .map('same', (order) => order)
    const parts = flow('parts', { concurrency: 1, onError: retry({ attempts: 1_000, backoff: fixed('2s') }) })
      .from(inbox<Order>(), { key: ({ key }) => key })
      .split(
        'parts',
        ({ key, n }) => [
          { key, n },
          { key, n: n + 1 },
        ],
        (part) => part.to('put', put),
      )
    let failing = true
    put.when(() => (failing ? 'unavailable' : undefined))
    const engines = await cluster([common, parts], { engines: 1 })
    await using _ = engines
    for (const _more of [1, 2]) await engines.join([common])
    await engines.advance('30s')
    for (const key of KEYS) await node(engines, 0).send(parts, { key, n: 1 })
    await engines.advance('5s')
    for (const n of [1, 2]) node(engines, n).kill()
    await engines.advance('30s')
    expect(await engines.shares()).toEqual([12])
    failing = false
    await engines.advance('1m')
    const { items } = await node(engines, 0).admin.messages({ flow: 'parts', limit: 1_000 })
    expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(put.effects, key)).toEqual([1, 2])
  })

  it('loses and doubles nothing when the engine that has it dies, and another one comes', async () => {
    const made = flows()
    let silent = true
    made.put.when(() => (silent ? 'silent' : undefined))
    await using engines = await started(made)
    await engines.advance('5s')
    node(engines, 0).kill()
    silent = false
    await engines.join([made.common, made.rare])
    await engines.advance('2m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
  })

  it('lets partitions be given back and owners die while its messages are lent', async () => {
    const made = flows()
    let silent = true
    made.put.when(() => (silent ? 'silent' : undefined))
    await using engines = await started(made)
    await engines.advance('5s')
    node(engines, 1).kill()
    await engines.join([made.common])
    await engines.advance('20s')
    silent = false
    await engines.advance('2m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
  })

  it('rests everywhere while it is paused', async () => {
    const made = flows()
    await using engines = await cluster([made.common, made.rare], { engines: 1 })
    await engines.join([made.common])
    await engines.advance('10s')
    await engines.during(node(engines, 0).admin.pause('rare'))
    await engines.advance('3s')
    for (const key of KEYS) await node(engines, 0).send(made.rare, { key, n: 1 })
    await engines.advance('10s')
    expect(lentBy(node(engines, 1))).toBe(0)
    await engines.during(node(engines, 0).admin.resume('rare'))
    await engines.advance('10s')
    expect(made.put.effects).toHaveLength(KEYS.length)
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
  })

  it('is paused and resumed at an engine that lacks it', async () => {
    const made = flows()
    await using engines = await cluster([made.common, made.rare], { engines: 1 })
    for (const _ of [1, 2]) await engines.join([made.common])
    await engines.advance('10s')
    const [has, lacks, other] = [node(engines, 0), node(engines, 1), node(engines, 2)]
    await engines.during(lacks.admin.pause('rare'))
    await engines.advance('2s')
    const isPaused = async (): Promise<boolean | undefined> =>
      (await has.admin.flows()).find(({ name }) => name === 'rare')?.paused
    expect(await isPaused()).toBe(true)
    for (const key of KEYS) await has.send(made.rare, { key, n: 1 })
    await engines.advance('10s')
    expect(made.put.effects).toEqual([])
    // It outlives the engine that has the flow.
    await has.stop()
    const next = await engines.join([made.common, made.rare])
    await engines.advance('20s')
    expect(made.put.effects).toEqual([])
    await engines.during(other.admin.resume('rare'))
    await engines.advance('20s')
    expect(made.put.effects).toHaveLength(KEYS.length)
    expect((await next.admin.flows()).find(({ name }) => name === 'rare')?.paused).toBe(false)
  })

  it('has its keys skipped at whichever engine is asked', async () => {
    const made = flows()
    made.put.when(({ input }) => (input.n === 1 ? 'unavailable' : undefined))
    await using engines = await started(made)
    await engines.advance('1s')
    const lacks = node(engines, 1)
    for (const key of KEYS) {
      const { state } = await engines.during(lacks.admin.skipKey('rare', key, 'it can wait'))
      expect(state).toBe('dead')
    }
    await engines.advance('20s')
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([2])
    await expect(engines.during(lacks.admin.skipKey('rare', 'k0', 'again'))).rejects.toMatchObject({
      code: 'MESSAGE_UNKNOWN',
    })
  })

  it.each([
    ['once', ['rare']],
    ['twice', ['first', 'rare']],
  ])('is paused and has its keys skipped under its new name where it was renamed %s', async (_, before) => {
    const made = flows()
    made.put.when(() => 'unavailable')
    const renamed = flow('seldom', {
      renamedFrom: before,
      onError: retry({ attempts: 100, backoff: fixed('2s') }),
    })
      .from(inbox<Order>(), { key: ({ key }) => key })
      .to('put', made.put)
    await using engines = await cluster([made.common, renamed], { engines: 1 })
    await engines.join([made.common])
    await engines.advance('10s')
    const [has, lacks] = [node(engines, 0), node(engines, 1)]
    for (const key of KEYS) await has.send(renamed, { key, n: 1 })
    await engines.advance('1s')
    for (const name of ['seldom', 'rare']) {
      await engines.during(lacks.admin.pause(name))
      await engines.advance('2s')
      expect((await has.admin.flows()).map(({ paused }) => paused)).toContain(true)
      await engines.during(lacks.admin.resume(name))
      await engines.advance('2s')
      expect((await has.admin.flows()).map(({ paused }) => paused)).not.toContain(true)
    }
    for (const key of KEYS) {
      const name = key < 'k5' ? 'seldom' : 'rare'
      await engines.during(lacks.admin.skipKey(name, key, 'it can wait'))
    }
    expect(new Set(await engines.states())).toEqual(new Set(['dead']))
  })

  it('is told from one that no engine has, with the flows that there are', async () => {
    const made = flows()
    await using engines = await started(made)
    const lacks = node(engines, 1)
    const asked: readonly (() => Promise<unknown>)[] = [
      () => lacks.admin.pause('rarer'),
      () => lacks.admin.resume('rarer'),
      () => lacks.admin.skipKey('rarer', 'k0', 'a mistake'),
    ]
    for (const ask of asked)
      await expect(engines.during(ask())).rejects.toMatchObject({
        code: 'FLOW_UNKNOWN',
        message:
          'There is no flow "rarer". The project has: common. Other engines of the cluster have: rare.',
      })
    await node(engines, 0).stop()
    await engines.advance('5s')
    await expect(engines.during(lacks.admin.pause('rare'))).rejects.toMatchObject({
      code: 'FLOW_UNKNOWN',
      message: 'There is no flow "rare". The project has: common.',
    })
  })

  it('says which engine to ask to complete its groups', async () => {
    const made = flows()
    await using engines = await started(made)
    const { members } = await node(engines, 1).admin.cluster()
    const name = members.find(({ member }) => member === node(engines, 0).member)?.name
    await expect(
      engines.during(node(engines, 1).admin.completeGroups('rare', 'group', null)),
    ).rejects.toMatchObject({
      code: 'FLOW_UNKNOWN',
      message: `This engine does not have the flow "rare". Ask one of the cluster that has it: ${name}.`,
    })
  })

  it('can be cancelled, and a key of it skipped, wherever its message lies', async () => {
    const made = flows()
    made.put.when(() => 'unavailable')
    await using engines = await started(made)
    await engines.advance('1s')
    const { items } = await node(engines, 0).admin.messages({ order: 'oldest', limit: KEYS.length })
    for (const { id } of items) await engines.during(node(engines, 0).admin.cancel(id, 'not needed'))
    made.put.when(() => undefined)
    await engines.advance('20s')
    expect((await engines.states()).slice(0, KEYS.length)).toEqual(KEYS.map(() => 'dropped'))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([2])
  })

  it('goes through a throttle although each loan wakes a message late', async () => {
    const { common } = flows()
    const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
    const paced = flow('paced')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .throttle('gently', { max: 3, per: '5s' })
      .to('put', put)
    await using engines = await cluster([common, paced], { engines: 1 })
    // Each by less than what would be noticed.
    node(engines, 0).setClock(950)
    await engines.join([common], {}, -950)
    await engines.advance('10s')
    for (const key of KEYS) await node(engines, 0).send(paced, { key, n: 1 })
    await engines.advance('2m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    expect(put.effects).toHaveLength(KEYS.length)
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
  })

  it('lives again at whichever engine a person redelivers it', async () => {
    const made = flows()
    made.put.when(() => ({ rejected: 'not today' }))
    await using engines = await started(made)
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['dead']))
    made.put.when(() => undefined)
    expect(await redelivered(engines, node(engines, 1))).toEqual({ done: 2 * KEYS.length, refused: [] })
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.put.effects, key)).toEqual([1, 2])
  })

  it('is not redelivered while no engine has it, and can be when one has', async () => {
    const made = flows()
    made.put.when(() => ({ rejected: 'not today' }))
    await using engines = await started(made)
    await engines.advance('20s')
    await node(engines, 0).stop()
    await engines.advance('20s')
    const { done, refused } = await redelivered(engines, node(engines, 1))
    expect({ done, codes: new Set(refused) }).toEqual({ done: 0, codes: new Set(['FLOW_UNKNOWN']) })
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['dead']))
    made.put.when(() => undefined)
    await engines.join([made.common, made.rare])
    await engines.advance('20s')
    expect(await redelivered(engines, node(engines, 1))).toEqual({ done: 2 * KEYS.length, refused: [] })
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
  })

  it('has its doubts resolved at whichever engine a person does that', async () => {
    const pay = fakeOperation<Order>('pay.put', { kind: 'none' })
    const { common } = flows()
    const paid = flow('paid')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .to('put', pay, { onUnknown: 'inDoubt' })
    pay.when(() => 'reset-before')
    await using engines = await cluster([common, paid], { engines: 1 })
    await engines.join([common])
    await engines.advance('10s')
    for (const key of KEYS) await node(engines, 0).send(paid, { key, n: 1 })
    await engines.advance('10s')
    expect(new Set(await engines.states())).toEqual(new Set(['inDoubt']))
    pay.when(() => undefined)
    const { admin } = node(engines, 1)
    const { items } = await admin.messages({ flow: 'paid' })
    for (const { id } of items) await engines.during(admin.resolve(id, false, { note: 'nothing is there' }))
    await engines.advance('10s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    expect(pay.effects).toHaveLength(KEYS.length)
  })

  it('runs its children and taps as well, and those that it wakes', async () => {
    const part = fakeOperation<number>('part.put', { kind: 'key', validFor: '24h' })
    const { common } = flows()
    const sums = flow('sums')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .tap('aside', (each) => each.map('n', ({ n }) => n).to('tapped', part))
      .split(
        'parts',
        ({ n }) => [n * 10, n * 10 + 1],
        (each) => each.to('part', part),
      )
    await using engines = await cluster([common, sums], { engines: 1 })
    await engines.join([common])
    await engines.advance('10s')
    for (const [at, key] of KEYS.entries()) await node(engines, 0).send(sums, { key, n: at + 1 })
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    const wanted = KEYS.flatMap((_, at) => [at + 1, (at + 1) * 10, (at + 1) * 10 + 1])
    expect(part.effects.map(({ input }) => input).toSorted((a, b) => a - b)).toEqual(
      wanted.toSorted((a, b) => a - b),
    )
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
  })

  it.each([
    ['at once', 0],
    ['after a wait', 1_000],
  ])('keeps the key of a call that a child may have made when its engine died, %s', async (_, delayMs) => {
    const part = fakeOperation<string>('part.put', { kind: 'key', validFor: '24h' })
    const { common } = flows()
    const parts = flow('parts', { onError: retry({ attempts: 100, backoff: fixed('1s') }) })
      .from(inbox<Order>(), { key: ({ key }) => key })
      .delay('pause', () => delayMs)
      .split(
        'parts',
        ({ key }) => [`${key}/0`, `${key}/1`],
        (each) => each.to('part', part),
      )
    await using engines = await cluster([common, parts], { engines: 1 })
    for (const _ of [1, 2]) await engines.join([common])
    await engines.advance('10s')
    // It takes effect, and nobody hears of it; then it is refused, which says nothing of the first time.
    const asked = new Map<string, number>()
    part.when(({ input }) => {
      const times = (asked.get(input) ?? 0) + 1
      asked.set(input, times)
      return times === 1 ? 'timeout-after' : times === 2 ? 'unavailable' : undefined
    })
    for (const key of KEYS) await node(engines, 0).send(parts, { key, n: 1 })
    await engines.advance('4s')
    expect(lentBy(node(engines, 1))).toBeGreaterThan(0)
    node(engines, 0).kill()
    // Until those that lack the flow own all that it had.
    await engines.advance('30s')
    await engines.join([common, parts])
    await engines.advance('2m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    expect(part.effects).toHaveLength(2 * KEYS.length)
  })

  it('is woken by what was raised while the engine that runs it stood still between its look and its sleep', async () => {
    const go = event<number>('go')
    const waiting = flow('waiting')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .waitFor('go', go, { key: ({ key }) => key })
    const telling = flow('telling')
      .from(inbox<Order>())
      .raise('tell', go, { key: ({ key }) => key, value: ({ n }) => n })
    let standsStill = (): void => undefined
    await using engines = await cluster([telling, waiting], {
      engines: 1,
      onCommit: ({ state }) => {
        if (state.some(({ scope }) => scope === 'event go')) standsStill()
        return 'ok'
      },
    })
    await engines.join([telling])
    await engines.advance('30s')
    const [runs, lends] = [node(engines, 0), node(engines, 1)]
    for (const key of KEYS) {
      standsStill = () => {
        standsStill = () => undefined
        // Its commit is written, and not answered yet.
        engines.clock.defer(runs.freeze)
      }
      await runs.send(waiting, { key, n: 1 })
      await engines.advance('1s')
      const raised = lends.engine.raise(go, key, 1)
      await engines.advance('1s')
      runs.thaw()
      await engines.during(raised)
      await engines.advance('5s')
    }
    expect(lentBy(lends)).toBeGreaterThan(0)
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
  })

  it('has its source run on one engine that has it, whoever owns the partition of the source', async () => {
    const { common } = flows()
    const runs: number[] = []
    const scheduled = Array.from({ length: 6 }, (_, at) =>
      flow(`tick-${at}`)
        .from(schedule('10s'))
        .map('note', ({ scheduledAt }) => {
          runs.push(at)
          return scheduledAt
        }),
    )
    await using engines = await cluster([common, ...scheduled], { engines: 2 })
    for (const each of engines.nodes) each.engine
    await engines.join([common])
    await engines.join([common])
    await engines.advance('40s')
    runs.length = 0
    await engines.advance('60s')
    for (const at of scheduled.keys()) expect(runs.filter((run) => run === at)).toHaveLength(6)
    node(engines, 0).kill()
    await engines.advance('40s')
    runs.length = 0
    await engines.advance('60s')
    for (const at of scheduled.keys()) expect(runs.filter((run) => run === at)).toHaveLength(6)
  })
})
