import { fixed, flow, inbox, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Cluster, cluster, type Node } from './cluster-rig.ts'

interface Order {
  readonly key: string
  readonly n: number
}

interface Keyed {
  readonly key: string
  readonly [field: string]: unknown
}

const node = ({ nodes }: Cluster, n: number): Node => nodes[n] as Node

/** A flow in two versions: the new one lacks a step that messages under way have on record. */
function versions() {
  const first = fakeOperation<Order>('first.put', { kind: 'key', validFor: '24h' })
  const second = fakeOperation<Order>('second.put', { kind: 'key', validFor: '24h' })
  const policy = { onError: retry({ attempts: 100, backoff: fixed('2s') }) }
  const from = () => flow('save', policy).from(inbox<Order>(), { key: ({ key }) => key })
  const before = from().to('first', first).to('second', second)
  const after = from().to('second', second)
  return { first, second, before, after }
}

const KEYS = Array.from({ length: 12 }, (_, at) => `k${at}`)

/** Engines of the former version, with messages that have its first step behind them, and one of the new version. */
async function halfDeployed(made: ReturnType<typeof versions>, former = 1): Promise<Cluster> {
  made.second.when(() => 'unavailable')
  const engines = await cluster([made.before], { engines: former })
  for (const n of [1, 2]) for (const key of KEYS) await node(engines, 0).send(made.before, { key, n })
  await engines.advance('2s')
  await engines.join([made.after])
  // Until it has its share, and messages of the former version come to their turn in it.
  await engines.advance('10s')
  return engines
}

const numbersOf = (effects: readonly { readonly input: Order }[], key: string): readonly number[] =>
  effects.filter(({ input }) => input.key === key).map(({ input }) => input.n)

const lent = ({ nodes }: Cluster): number =>
  nodes.reduce((sum, { log }) => sum + log.of('message.lent').length, 0)

describe('engines of two versions of a flow', () => {
  it('finish each message on a version that can take it, in the order of its key', async () => {
    const made = versions()
    await using engines = await halfDeployed(made)
    expect(lent(engines)).toBeGreaterThan(0)
    made.second.when(() => undefined)
    await engines.advance('30s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.second.effects, key)).toEqual([1, 2])
    expect(made.first.effects.length).toBeGreaterThanOrEqual(KEYS.length)
  })

  it('say in its trace who ran it, and why', async () => {
    const made = versions()
    await using engines = await halfDeployed(made)
    made.second.when(() => undefined)
    await engines.advance('30s')
    const { items } = await node(engines, 0).admin.messages({})
    const traces = await Promise.all(items.map(({ id }) => node(engines, 0).admin.trace(id)))
    const notes = traces.flatMap(({ notes }) => notes.filter(({ what }) => what === 'lent'))
    expect(notes.length).toBeGreaterThan(0)
    expect(notes[0]?.note).toMatch(/member \d+.*runs it.*changed while this message was under way/)
  })

  it('park what none that lives can take, and run it when one that can has joined and it is redelivered', async () => {
    const made = versions()
    await using engines = await halfDeployed(made)
    await node(engines, 0).stop()
    await engines.advance('30s')
    const parked = (await node(engines, 1).admin.messages({ states: ['parked'] })).items
    expect(parked.length).toBe(KEYS.length)
    expect(parked[0]?.error?.message).toContain('changed while this message was under way')
    made.second.when(() => undefined)
    await engines.join([made.before])
    await engines.advance('30s')
    const ids = parked.map(({ id }) => id)
    await engines.during(node(engines, 2).admin.redeliver({ ids }, { note: 'the former version is back' }))
    await engines.advance('30s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.second.effects, key).toSorted()).toEqual([1, 2])
  })

  it('run bodies that only the schema of the other version takes, in the order of their key', async () => {
    const put = fakeOperation<Keyed>('store.put', { kind: 'key', validFor: '24h' })
    const takingOnly = (field: string) =>
      flow('save')
        .from(
          inbox(
            z.looseObject({ key: z.string() }).extend({ [field]: z.number() }) as unknown as z.ZodType<Keyed>,
          ),
          {
            key: ({ key }) => key,
          },
        )
        .to('put', put)
    const before = takingOnly('count')
    const after = takingOnly('amount')
    await using engines = await cluster([before], { engines: 1 })
    await engines.join([after])
    await engines.advance('10s')
    for (const [at, key] of KEYS.entries()) {
      await node(engines, 0).send(before, { key, count: at })
      await node(engines, 1).send(after, { key, amount: at })
    }
    await engines.advance('20s')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const [at, key] of KEYS.entries()) {
      const effects = put.effects.filter(({ input }) => input.key === key).map(({ input }) => input)
      expect(effects).toEqual([
        { key, count: at },
        { key, amount: at },
      ])
    }
    expect(lent(engines)).toBeGreaterThan(0)
  })

  it('park a body that no schema of an engine that lives takes', async () => {
    const taking = (name: string, more: Record<string, z.ZodType>) =>
      flow('save')
        .from(inbox(z.looseObject({ key: z.string() }).extend(more) as unknown as z.ZodType<Keyed>), {
          key: ({ key }) => key,
        })
        .map(name, (body) => body)
    const before = taking('before', {})
    const now = taking('now', { a: z.string() })
    const next = taking('next', { b: z.string() })
    await using engines = await cluster([before], { engines: 1 })
    await engines.during(node(engines, 0).admin.pause('save'))
    for (const key of KEYS) await node(engines, 0).send(before, { key })
    await engines.join([now])
    await engines.join([next])
    await engines.advance('10s')
    await node(engines, 0).stop()
    await engines.during(node(engines, 1).admin.resume('save'))
    await engines.advance('30s')
    const { items } = await node(engines, 1).admin.messages({ states: ['parked'] })
    expect(items).toHaveLength(KEYS.length)
    expect(new Set(items.map(({ error }) => error?.code))).toEqual(new Set(['BODY_INVALID']))
    const { notes } = await node(engines, 1).admin.trace(items[0]?.id ?? '')
    expect(notes.map(({ what }) => what)).toContain('lent')
  })

  it.each([
    ['a borrower', 0],
    ['another borrower', 1],
    ['the owner', 2],
  ])('finish each message once although %s dies in the middle of it', async (_who, victim) => {
    const made = versions()
    await using engines = await halfDeployed(made, 2)
    let silent = true
    made.second.when(() => (silent ? 'silent' : undefined))
    await engines.advance('6s')
    node(engines, victim).kill()
    silent = false
    await engines.advance('3m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.second.effects, key)).toEqual([1, 2])
  })

  it('let nothing count that a borrower does when it wakes after it was fenced', async () => {
    const made = versions()
    await using engines = await halfDeployed(made, 2)
    let silent = true
    made.second.when(() => (silent ? 'silent' : undefined))
    await engines.advance('6s')
    node(engines, 0).freeze()
    silent = false
    await engines.advance('1m')
    node(engines, 0).thaw()
    await engines.advance('2m')
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    for (const key of KEYS) expect(numbersOf(made.second.effects, key)).toEqual([1, 2])
  })

  it('cancel a message that another one runs for its owner', async () => {
    const made = versions()
    await using engines = await halfDeployed(made)
    const { items } = await node(engines, 0).admin.messages({ order: 'oldest', limit: KEYS.length })
    for (const { id } of items) await engines.during(node(engines, 0).admin.cancel(id, 'not needed'))
    made.second.when(() => undefined)
    await engines.advance('30s')
    const states = await engines.states()
    expect(states.slice(0, KEYS.length)).toEqual(KEYS.map(() => 'dropped'))
    for (const key of KEYS) expect(numbersOf(made.second.effects, key)).toEqual([2])
  })

  it('run the children of a borrowed message, theirs that fail for a while included', async () => {
    const first = fakeOperation<Order>('first.put', { kind: 'key', validFor: '24h' })
    const part = fakeOperation<number>('part.put', { kind: 'key', validFor: '24h' })
    const policy = { onError: retry({ attempts: 100, backoff: fixed('2s') }) }
    const from = () => flow('save', policy).from(inbox<Order>(), { key: ({ key }) => key })
    const parts = ({ n }: Order): readonly number[] => [n * 10, n * 10 + 1]
    const before = from()
      .to('first', first)
      .delay('rest', '20s', { hold: true })
      .split('parts', parts, (each) => each.to('part', part))
    const after = from().split('parts', parts, (each) => each.to('part', part))
    await using engines = await cluster([before], { engines: 1 })
    for (const [at, key] of KEYS.entries()) await node(engines, 0).send(before, { key, n: at })
    await engines.advance('2s')
    await engines.join([after])
    let failing = true
    part.when(() => (failing ? 'unavailable' : undefined))
    await engines.advance('30s')
    failing = false
    await engines.advance('1m')
    expect(lent(engines)).toBeGreaterThan(0)
    expect(new Set(await engines.states())).toEqual(new Set(['done']))
    const wanted = KEYS.flatMap((_, at) => parts({ key: '', n: at }))
    expect(part.effects.map(({ input }) => input).toSorted((a, b) => a - b)).toEqual(wanted)
  })
})
