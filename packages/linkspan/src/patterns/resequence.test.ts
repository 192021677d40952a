import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, type Ran, run, type World, world } from './fixtures/pass-for-tests.ts'
import type { BatchOrder, ResequenceOptions } from './resequence.ts'

interface Move {
  readonly key: string
  readonly n: number
}

const ordering = (options: Partial<ResequenceOptions<Move, unknown>> = {}) =>
  begin<Move>()
    .resequence('order', { key: ({ key }) => key, place: ({ n }) => n, first: 1, timeout: 100, ...options })
    .map('after', ({ n }, { now }) => ({ n, now }))

const batching = (batch: BatchOrder) =>
  begin<Move>()
    .resequence('order', { key: ({ key }) => key, place: ({ n }) => n, batch })
    .map('after', ({ n }, { now }) => ({ n, now }))

/** Messages that are run at their time, or when they are woken; what went on is told in order. */
function messages(tested: ReturnType<typeof ordering>, around: World = world()) {
  const records = new Map<string, World['records']>()
  const bodies = new Map<string, Move>()
  const asleep = new Map<string, number>()
  const went: { readonly id: string; readonly n: number; readonly now: number }[] = []
  const late: string[] = []
  const ended = (id: string, { stop, body }: Ran): void => {
    asleep.delete(id)
    if (stop?.kind === 'suspend') asleep.set(id, stop.wakeAt)
    else {
      around.endings.set(id, stop === undefined ? 'done' : 'filtered')
      if (stop === undefined) went.push({ id, ...(body as { n: number; now: number }) })
      else late.push(id)
    }
  }
  const look = async (id: string, now: number): Promise<void> => {
    const own = records.get(id) ?? new Map()
    records.set(id, own)
    ended(id, await run(tested, bodies.get(id), { ...around, records: own }, { id, now }))
    for (const { id: woken } of around.happened.woken.splice(0)) if (asleep.has(woken)) await look(woken, now)
  }
  return {
    around,
    asleep,
    late,
    went,
    async send(id: string, body: Move, now: number): Promise<void> {
      bodies.set(id, body)
      around.endings.set(id, 'live')
      await look(id, now)
    },
    async passTime(until: number): Promise<void> {
      for (let turn = 0; ; turn += 1) {
        if (turn > 1_000) throw new Error(`They look and look: ${[...asleep.keys()].join(', ')}`)
        const [next] = [...asleep].filter(([, at]) => at <= until).toSorted(([, a], [, b]) => a - b)
        if (!next) return
        await look(next[0], next[1])
      }
    },
  }
}

const places = ({ went }: { readonly went: readonly { readonly n: number }[] }) => went.map(({ n }) => n)

describe('resequence', () => {
  it('lets messages go on in their order, each sequence for itself', async () => {
    const all = messages(ordering())
    for (const n of [3, 1, 4, 2]) await all.send(`a${n}`, { key: 'a', n }, n)
    expect(places(all)).toEqual([1, 2, 3, 4])
    await all.send('b2', { key: 'b', n: 2 }, 10)
    await all.send('a5', { key: 'a', n: 5 }, 10)
    expect(all.went.map(({ id }) => id)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5'])
    expect([...all.asleep]).toEqual([['b2', 110]])
  })

  it('waits for what is missing until the time of who waits is over', async () => {
    const all = messages(ordering({ late: 'filter' }))
    await all.send('m3', { key: 'a', n: 3 }, 0)
    await all.send('m5', { key: 'a', n: 5 }, 10)
    await all.send('m2', { key: 'a', n: 2 }, 50)
    await all.passTime(99)
    expect(places(all)).toEqual([])
    await all.passTime(100)
    expect(all.went).toEqual([
      { id: 'm2', n: 2, now: 100 },
      { id: 'm3', n: 3, now: 100 },
    ])
    await all.send('m1', { key: 'a', n: 1 }, 101)
    expect(all.late).toEqual(['m1'])
    await all.send('m4', { key: 'a', n: 4 }, 105)
    expect(places(all)).toEqual([2, 3, 4, 5])
  })

  it('lets the first that comes wait for earlier ones where the first place is not known', async () => {
    const { first: _first, ...options } = { first: 1, key: ({ key }: Move) => key, place: ({ n }: Move) => n }
    const tested = begin<Move>()
      .resequence('order', { ...options, timeout: 100 })
      .map('after', ({ n }, { now }) => ({ n, now }))
    const all = messages(tested)
    await all.send('m8', { key: 'a', n: 8 }, 0)
    await all.send('m7', { key: 'a', n: 7 }, 60)
    await all.passTime(1_000)
    await all.send('m9', { key: 'a', n: 9 }, 2_000)
    expect(all.went.map(({ n, now }) => [n, now])).toEqual([
      [7, 100],
      [8, 100],
      [9, 2_000],
    ])
  })

  it('gives up a gap when too many wait', async () => {
    const all = messages(ordering({ capacity: 2 }))
    for (const n of [4, 3, 7]) await all.send(`m${n}`, { key: 'a', n }, 0)
    expect(places(all)).toEqual([3, 4])
    expect([...all.asleep.keys()]).toEqual(['m7'])
  })

  it('fails what comes too late or takes a place again, or lets it go on', async () => {
    const failing = messages(ordering())
    await failing.send('m1', { key: 'a', n: 1 }, 0)
    await expect(failing.send('again', { key: 'a', n: 1 }, 0)).rejects.toMatchObject({
      code: 'SEQUENCE_PASSED',
      retry: 'never',
      message: expect.stringContaining('the sequence "a" has come to 2 and this one\'s place is 1'),
    })
    const passing = messages(ordering({ late: 'pass' }))
    for (const id of ['m1', 'again']) await passing.send(id, { key: 'a', n: 1 }, 0)
    expect(places(passing)).toEqual([1, 1])
    for (const id of ['x3', 'y3', 'm2']) await passing.send(id, { key: 'a', n: Number(id[1] ?? 2) }, 0)
    expect(places(passing)).toEqual([1, 1, 2, 3, 3])
  })

  it('waits no longer for one that has ended meanwhile', async () => {
    const all = messages(ordering())
    await all.send('m2', { key: 'a', n: 2 }, 50)
    await all.send('m3', { key: 'a', n: 3 }, 0)
    all.asleep.delete('m2')
    await all.passTime(120)
    expect(places(all)).toEqual([])
    all.around.endings.set('m2', 'dropped')
    await all.passTime(200)
    expect(places(all)).toEqual([3])
  })

  it('forgets a sequence of which nothing comes for long', async () => {
    const all = messages(ordering({ for: '1h' }))
    await all.send('m1', { key: 'a', n: 1 }, 0)
    await all.send('again', { key: 'a', n: 1 }, 3_600_000)
    expect(places(all)).toEqual([1, 1])
  })

  it('takes the key of the message where no other is given', async () => {
    const tested = begin<Move>().resequence('order', { place: ({ n }) => n, first: 1, timeout: '1m' })
    const around = world()
    await run(tested, { key: 'a', n: 1 }, around, { key: 'mine' })
    expect([...around.cells.keys()]).toEqual(['tested/order|mine'])
  })

  it('refuses what makes no sense', async () => {
    const steps = begin<Move>()
    const place = ({ n }: Move) => n
    const built = (options: unknown) => () => steps.resequence('o', options as never)
    expect(built(undefined)).toThrow(/needs \{ place, timeout, … \} as its second argument/)
    expect(built({ place })).toThrow(/needs a timeout above zero .* not undefined/)
    expect(built({ place, timeout: 0 })).toThrow(/needs a timeout above zero/)
    expect(built({ timeout: '1m' })).toThrow(/option place of resequence\(\) must be a function/)
    expect(built({ place, timeout: '1m', first: 0.5 })).toThrow(/first is a whole number, not 0.5/)
    for (const capacity of [0, 10_001, 1.5])
      expect(built({ place, timeout: '1m', capacity })).toThrow(/capacity is a whole number from 1 to 10000/)
    expect(built({ place, timeout: '1m', late: 'drop' })).toThrow(/late is 'fail', 'filter' or 'pass'/)
    await expect(run(ordering(), { key: 'a', n: 1.5 })).rejects.toThrow(/place as a whole number, .* 1.5/)
    await expect(run(ordering(), { key: '', n: 1 })).rejects.toThrow(/key by which its sequence is found/)
  })
})

describe('resequence, in batches', () => {
  it('lets a full batch go on in order, and begins the next', async () => {
    const all = messages(batching({ size: 3, timeout: 100 }))
    for (const n of [5, 1]) await all.send(`a${n}`, { key: 'a', n }, n)
    await all.send('b9', { key: 'b', n: 9 }, 6)
    expect(places(all)).toEqual([])
    await all.send('a2', { key: 'a', n: 2.5 }, 7)
    expect(all.went.map(({ id, n, now }) => [id, n, now])).toEqual([
      ['a1', 1, 7],
      ['a2', 2.5, 7],
      ['a5', 5, 7],
    ])
    await all.send('a0', { key: 'a', n: 0 }, 8)
    expect([...all.asleep.keys()]).toEqual(['b9', 'a0'])
    await all.passTime(108)
    expect(places(all)).toEqual([1, 2.5, 5, 9, 0])
    expect(all.around.cells.size).toBe(0)
  })

  it('lets what there is go on when its time is over, the highest first if it is told so', async () => {
    const all = messages(batching({ timeout: 100, reverse: true }))
    for (const n of [2, 3, 1]) await all.send(`m${n}`, { key: 'a', n }, n * 10)
    await all.passTime(119)
    expect(places(all)).toEqual([])
    await all.passTime(120)
    expect(all.went.map(({ n, now }) => [n, now])).toEqual([
      [3, 120],
      [2, 120],
      [1, 120],
    ])
  })

  it('ends what has the place of another of its batch, fails it, or lets it go on behind', async () => {
    const filtering = messages(batching({ size: 2 }))
    for (const id of ['one', 'again']) await filtering.send(id, { key: 'a', n: 1 }, 0)
    expect(filtering.late).toEqual(['again'])
    const failing = messages(batching({ size: 2, twice: 'fail' }))
    await failing.send('one', { key: 'a', n: 1 }, 0)
    await expect(failing.send('again', { key: 'a', n: 1 }, 0)).rejects.toMatchObject({
      code: 'SEQUENCE_PASSED',
      message: expect.stringContaining('another message of the batch "a" has the place 1 too'),
    })
    const passing = messages(batching({ size: 3, twice: 'pass' }))
    for (const [id, n] of [
      ['x', 2],
      ['y', 2],
      ['z', 1],
    ] as const)
      await passing.send(id, { key: 'a', n }, 0)
    expect(passing.went.map(({ id }) => id)).toEqual(['z', 'x', 'y'])
  })

  it('goes on without those that were put aside, be it the first of the batch', async () => {
    const all = messages(batching({ size: 4, timeout: 100 }))
    for (const n of [1, 3, 2]) await all.send(`m${n}`, { key: 'a', n }, 0)
    all.around.endings.set('m1', 'dropped')
    all.asleep.delete('m1')
    await all.passTime(1e9)
    expect(places(all)).toEqual([2, 3])
    expect(all.around.cells.size).toBe(0)
  })

  it('refuses what makes no sense', async () => {
    const place = ({ n }: Move) => n
    const built = (batch: unknown) => () => begin<Move>().resequence('o', { place, batch } as never)
    expect(built(7)).toThrow(/batch is \{ size, timeout, … \}, not 7/)
    for (const size of [0, 10_001, 1.5])
      expect(built({ size })).toThrow(/batch.size is a whole number from 1 to 10000/)
    expect(built({ timeout: 0 })).toThrow(/batch.timeout is a duration above zero/)
    expect(built({ twice: 'drop' })).toThrow(/batch.twice is 'fail', 'filter' or 'pass', not "drop"/)
    await expect(run(batching({}), { key: 'a', n: Number.NaN })).rejects.toThrow(/place as a number, .* NaN/)
  })
})

interface Arrival {
  readonly at: number
  readonly n: number
}

/** What a resequencer is: a sorted list, drained whenever time or a message comes. */
function expectedOf(arrivals: readonly Arrival[], capacity: number, timeout: number) {
  let next = 1
  let waiting: { readonly id: number; readonly n: number; readonly until: number }[] = []
  const went: number[] = []
  const drain = (now: number): void => {
    for (;;) {
      const [first] = waiting
      if (!first) return
      const isOver = waiting.length > capacity || waiting.some(({ until }) => until <= now)
      if (first.n > next && !isOver) return
      waiting = waiting.slice(1)
      if (first.n < next) continue
      went.push(first.id)
      next = first.n + 1
    }
  }
  const passTime = (now: number): void => {
    for (;;) {
      const due = Math.min(...waiting.map(({ until }) => until))
      if (waiting.length === 0 || due > now) return
      drain(due)
    }
  }
  for (const [id, { at, n }] of arrivals.entries()) {
    passTime(at)
    waiting = [...waiting, { id, n, until: at + timeout }].toSorted((a, b) => a.n - b.n)
    drain(at)
  }
  passTime(1e9)
  return went
}

describe('resequence, on any schedule', () => {
  it('lets go on what the model lets go on, in its order', async () => {
    const arrivals = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 60 }), n: fc.integer({ min: 1, max: 20 }) }),
      { minLength: 1, maxLength: 30 },
    )
    await fc.assert(
      fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 6 }), async (gaps, capacity) => {
        let at = 0
        const given = gaps.map(({ gap, n }): Arrival => {
          at += gap
          return { at, n }
        })
        const all = messages(ordering({ capacity, late: 'filter' }))
        for (const [id, arrival] of given.entries()) {
          await all.passTime(arrival.at)
          await all.send(String(id), { key: 'a', n: arrival.n }, arrival.at)
        }
        await all.passTime(1e9)
        expect(all.went.map(({ id }) => Number(id))).toEqual(expectedOf(given, capacity, 100))
        expect(places(all)).toEqual(places(all).toSorted((a, b) => a - b))
        expect(all.asleep.size).toBe(0)
        expect(all.went.length + all.late.length).toBe(given.length)
      }),
      { numRuns: 300 },
    )
  })
})

/** What a batch resequencer is: a list that is sorted and emptied when it is full or too old. */
function batchesOf(arrivals: readonly Arrival[], { size = 100, reverse = false, twice }: BatchOrder) {
  let since = 0
  let list: { readonly id: number; readonly n: number }[] = []
  const went: { readonly id: number; readonly at: number }[] = []
  const close = (at: number): void => {
    const sorted = list.toSorted((a, b) => (reverse ? b.n - a.n : a.n - b.n))
    went.push(...sorted.map(({ id }) => ({ id, at })))
    list = []
  }
  for (const [id, { at, n }] of [...arrivals, { at: 1e9, n: 0 }].entries()) {
    if (list.length > 0 && since + 100 <= at) close(since + 100)
    if (at === 1e9 || (twice !== 'pass' && list.some((other) => other.n === n))) continue
    if (list.length === 0) since = at
    list.push({ id, n })
    if (list.length === size) close(at)
  }
  return went
}

describe('resequence in batches, on any schedule', () => {
  it('lets go on what the model lets go on, in its order and at its time', async () => {
    const arrivals = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 60 }), n: fc.integer({ min: 1, max: 9 }) }),
      { minLength: 1, maxLength: 30 },
    )
    const orders = fc.record({
      size: fc.integer({ min: 1, max: 6 }),
      reverse: fc.boolean(),
      twice: fc.constantFrom('filter' as const, 'pass' as const),
    })
    await fc.assert(
      fc.asyncProperty(arrivals, orders, async (gaps, order) => {
        let at = 0
        const given = gaps.map(({ gap, n }): Arrival => {
          at += gap
          return { at, n }
        })
        const all = messages(batching({ ...order, timeout: 100 }))
        for (const [id, arrival] of given.entries()) {
          await all.passTime(arrival.at)
          await all.send(String(id), { key: 'a', n: arrival.n }, arrival.at)
        }
        await all.passTime(1e9)
        expect(all.went.map(({ id, now }) => ({ id: Number(id), at: now }))).toEqual(batchesOf(given, order))
        expect(all.asleep.size).toBe(0)
        expect(all.went.length + all.late.length).toBe(given.length)
        expect(all.around.cells.size).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('resequence, when the engine is killed', () => {
  it('comes to the same in batches', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const moves = flow('moves')
      .from(inbox<Move>())
      .resequence('order', {
        key: ({ key }) => key,
        place: ({ n }) => n,
        batch: { size: 3, timeout: '1h' },
      })
      .to('put', put)
    const report = await crashSweep(moves, ({ send }) => {
      for (const n of [3, 1, 2]) send({ key: 'a', n })
      for (const n of [2, 1]) send({ key: 'b', n })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const moves = flow('moves')
      .from(inbox<Move>())
      .resequence('order', { key: ({ key }) => key, place: ({ n }) => n, first: 1, timeout: '1h' })
      .to('put', put)
    const report = await crashSweep(moves, ({ send }) => {
      for (const n of [3, 1, 2]) send({ key: 'a', n })
      for (const n of [2, 1]) send({ key: 'b', n })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
