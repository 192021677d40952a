import { event, flow, inbox } from 'linkspan'
import { fakeOperation, seededRandom } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster, type Node } from './cluster-rig.ts'
import { rig } from './rig.ts'

interface Move {
  readonly key: string
  readonly n: number
}

const SEED = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)

function ordered(timeout: '10m' | '1d' = '1d') {
  const put = fakeOperation<Move>('store.put', { kind: 'key', validFor: '24h' })
  const moves = flow('moves')
    .from(inbox<Move>(), { key: ({ key }) => key })
    .resequence('order', { place: ({ n }) => n, first: 0, timeout })
    .to('put', put)
  const placesOf = (key: string): readonly number[] =>
    put.effects.filter(({ input }) => input.key === key).map(({ input }) => input.n)
  return { put, moves, placesOf }
}

function shuffled(count: number, random: { next(): number }): readonly number[] {
  const left = Array.from({ length: count }, (_, n) => n)
  return Array.from(
    { length: count },
    () => left.splice(Math.floor(random.next() * left.length), 1)[0] as number,
  )
}

describe('messages that are put in order', () => {
  it('take effect in their order, also where a call has to be tried again', async () => {
    const { moves, placesOf, put } = ordered()
    await using one = await rig([moves], { seed: SEED })
    const tried = new Set<number>()
    put.when(({ input }) => {
      if (input.n % 3 !== 1 || tried.has(input.n)) return undefined
      tried.add(input.n)
      return 'unavailable'
    })
    await one.during(
      Promise.all(shuffled(20, seededRandom(SEED)).map((n) => one.engine.send(moves, { key: 'a', n }))),
    )
    await one.advance('1h')
    expect(tried.size).toBe(7)
    expect(placesOf('a'), `seed ${SEED}`).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('wait for a gap until their time is over, though the engine was away', async () => {
    const { moves, placesOf } = ordered('10m')
    await using one = await rig([moves])
    for (const n of [2, 1, 4]) await one.send(moves, { key: 'a', n })
    await one.advance('9m')
    one.crash()
    await one.advance('30s')
    await one.start()
    expect(placesOf('a')).toEqual([])
    await one.advance('1m')
    expect(placesOf('a')).toEqual([1, 2, 4])
    await one.send(moves, { key: 'a', n: 0 })
    await one.advance('1s')
    const dead = await one.admin.messages({ states: ['dead'] })
    expect(dead.items.map(({ error }) => error?.code)).toEqual(['SEQUENCE_PASSED'])
  })

  it('do not wake each other for ever when they wait for something else after it', {
    timeout: 30_000,
  }, async () => {
    const decided = event<string>('decided')
    const put = fakeOperation<number>('store.put', { kind: 'key', validFor: '24h' })
    const moves = flow('moves')
      .from(inbox<Move>())
      .resequence('order', { key: ({ key }) => key, place: ({ n }) => n, first: 1, timeout: '1m' })
      .waitFor('decision', decided, { key: () => 'one', as: 'decision' })
      .to('put', put, { input: ({ n }) => n })
    await using one = await rig([moves])
    // The third wakes the second, whose turn it is when their time is over, and that wakes the third.
    for (const [key, n] of [
      ['other', 1],
      ['a', 3],
      ['a', 2],
    ] as const)
      await one.send(moves, { key, n })
    await one.advance('2m')
    expect(await one.states()).toEqual(['waiting', 'waiting', 'waiting'])
    await one.during(one.engine.raise(decided, 'one', 'yes'))
    await one.advance('1m')
    expect(await one.states()).toEqual(['done', 'waiting', 'waiting', 'done'])
    for (const _ of [2, 3]) await one.during(one.engine.raise(decided, 'one', 'yes'))
    await one.advance('1m')
    expect(put.effects.map(({ input }) => input).toSorted()).toEqual([1, 2, 3])
  })

  it('go on past one that a person has put aside', async () => {
    const { moves, placesOf } = ordered('10m')
    await using one = await rig([moves])
    const { id } = await one.send(moves, { key: 'a', n: 2 })
    await one.send(moves, { key: 'a', n: 3 })
    await one.advance('1m')
    await one.during(one.admin.cancel(id, 'not this one'))
    await one.advance('10m')
    expect(placesOf('a')).toEqual([3])
  })

  it('keep their order on any engine of a cluster, while engines die and come', async () => {
    const { moves, placesOf } = ordered()
    await using three = await cluster([moves], { seed: SEED })
    const node = (n: number): Node => {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      return alive[n % alive.length] as Node
    }
    const keys = ['a', 'b', 'c']
    const random = seededRandom(SEED)
    const orders = keys.map(() => shuffled(25, random))
    for (let at = 0; at < 25; at += 1) {
      if (at === 8) node(0).kill()
      if (at === 16) await three.join()
      if (at % 5 === 3) await three.advance('1s')
      for (const [of, key] of keys.entries())
        await node(at + of).send(moves, { key, n: orders[of]?.[at] as number })
    }
    await three.advance('5m')
    const all = Array.from({ length: 25 }, (_, n) => n)
    for (const key of keys) expect(placesOf(key), `seed ${SEED}, key ${key}`).toEqual(all)
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })

  it('go on in batches on any engine of a cluster, each once, while one dies', async () => {
    const put = fakeOperation<Move>('store.put', { kind: 'key', validFor: '24h' })
    const moves = flow('moves')
      .from(inbox<Move>())
      .resequence('order', {
        key: ({ key }) => key,
        place: ({ n }) => n,
        batch: { size: 6, timeout: '1m' },
      })
      .to('put', put)
    await using three = await cluster([moves], { seed: SEED })
    for (const [at, n] of shuffled(40, seededRandom(SEED)).entries()) {
      if (at === 20) (three.nodes[0] as Node).kill()
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      await (alive[at % alive.length] as Node).send(moves, { key: 'a', n })
    }
    await three.advance('10m')
    const what = `seed ${SEED}`
    const went = put.effects.map(({ input }) => input.n)
    expect(
      went.toSorted((a, b) => a - b),
      what,
    ).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect(new Set(await three.states()), what).toEqual(new Set(['done']))
  })
})
