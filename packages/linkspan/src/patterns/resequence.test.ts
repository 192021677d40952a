import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, type Ran, run, type World, world } from './fixtures/pass-for-tests.ts'
import type { ResequenceOptions } from './resequence.ts'

interface Move {
  readonly key: string
  readonly n: number
}

const ordering = (options: Partial<ResequenceOptions<Move, unknown>> = {}) =>
  begin<Move>()
    .resequence('order', { key: ({ key }) => key, place: ({ n }) => n, first: 1, timeout: 100, ...options })
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

describe('resequence, when the engine is killed', () => {
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
