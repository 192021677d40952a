import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import type { CompletedGroup, Completion, GroupSignal } from './aggregate.ts'
import { begin, type Ran, run, type World, world } from './fixtures/pass-for-tests.ts'

interface Part {
  readonly key: string
  readonly n: number
  readonly last?: boolean
  readonly signal?: GroupSignal
}

interface Whole {
  readonly ns: readonly number[]
  readonly group: CompletedGroup
}

const summing = (complete: Completion<Part, unknown, number[]>) =>
  begin<Part>().aggregate('parts', {
    key: ({ key }) => key,
    initial: (): number[] => [],
    add: (ns, { n }) => {
      ns.push(n)
      return ns
    },
    complete,
    signal: ({ signal }) => signal,
    result: (ns, group): Whole => ({ ns, group }),
  })

const part = (n: number, key = 'k'): Part => ({ key, n })

/** Messages with records of their own on cells that they share. */
function messages(tested: ReturnType<typeof summing>, around: World = world()) {
  const records = new Map<string, World['records']>()
  const bodies = new Map<string, Part>()
  const go = (id: string, now: number): Promise<Ran> => {
    const own = records.get(id) ?? new Map()
    records.set(id, own)
    return run(tested, bodies.get(id), { ...around, records: own }, { id, now })
  }
  return {
    around,
    go,
    recordOf: (id: string) => records.get(id) as World['records'],
    send(id: string, body: Part, now = 1_000): Promise<Ran> {
      bodies.set(id, body)
      return go(id, now)
    },
  }
}

/** Waits until the group is complete, without a time. */
const LEADS = { kind: 'suspend', why: 'event', path: 'parts//2', hold: false, wakeAt: 8_640_000_000_000_000 }
const AGGREGATED = { kind: 'end', ending: 'done', reason: 'aggregated' }
const done = (groups: number) => ({
  kind: 'end',
  ending: 'done',
  reason: `${groups} ${groups === 1 ? 'group' : 'groups'} completed`,
})

describe('aggregate', () => {
  it('ends every member but the one that completes the group by its size', async () => {
    const { send, around } = messages(summing({ size: 3 }))
    expect((await send('a', part(1), 1_000)).stop).toEqual(LEADS)
    expect((await send('b', part(9, 'other'), 1_500)).stop).toEqual(LEADS)
    expect((await send('c', part(2), 2_000)).stop).toEqual(AGGREGATED)
    const { stop, body } = await send('d', part(3), 3_000)
    expect(stop).toBeUndefined()
    expect(body).toEqual({
      ns: [1, 2, 3],
      group: { key: 'k', count: 3, since: 1_000, at: 3_000, by: 'size' },
    })
    expect([...around.cells.keys()]).toEqual(['tested/parts|other'])
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['a'])
    expect((await send('e', part(4))).stop).toEqual(LEADS)
  })

  it('counts a member once, however often its pass is computed again', async () => {
    const { send, go } = messages(summing({ size: 3 }))
    await send('a', part(1))
    await go('a', 1_000)
    await go('a', 1_000)
    await send('b', part(2))
    expect((await send('c', part(3))).body).toMatchObject({ ns: [1, 2, 3] })
    expect((await go('c', 9_000)).body).toMatchObject({ ns: [1, 2, 3] })
  })

  it('completes a group by what it is now, or by its last member', async () => {
    const { send } = messages(
      summing({
        when: (ns, { count, since, key }) =>
          key === 'k' && since === 1_000 && ns.length === count && count > 1,
        last: (b) => b.last === true,
      }),
    )
    expect((await send('a', part(1))).stop).toEqual(LEADS)
    expect((await send('b', part(2))).body).toMatchObject({ ns: [1, 2], group: { by: 'when' } })
    expect((await send('c', { ...part(3), last: true })).body).toMatchObject({
      ns: [3],
      group: { by: 'last' },
    })
  })

  it('says that a predicate completed a group that its size would have completed too', async () => {
    const { send } = messages(
      summing({ size: 2, when: (ns) => ns.includes(9), last: (b) => b.last === true }),
    )
    await send('a', part(1))
    expect((await send('b', part(9))).body).toMatchObject({ ns: [1, 9], group: { by: 'when' } })
    await send('c', part(1))
    const last = { ...part(9), last: true }
    expect((await send('d', last)).body).toMatchObject({ ns: [1, 9], group: { by: 'last' } })
  })

  it('says so too of the group of a member that completes all groups', async () => {
    const { send } = messages(summing({ size: 2 }))
    await send('a', part(1))
    const inclusive = { ...part(2), signal: 'inclusive' } as const
    expect((await send('b', inclusive)).body).toMatchObject({ ns: [1, 2], group: { by: 'size' } })
    expect((await send('c', inclusive)).body).toMatchObject({ ns: [2], group: { by: 'forced' } })
  })

  it('asks each member for the size', async () => {
    const { send } = messages(summing({ size: ({ n }) => n }))
    expect((await send('a', part(3))).stop).toEqual(LEADS)
    expect((await send('b', part(2))).body).toMatchObject({ ns: [3, 2], group: { by: 'size' } })
    await expect(send('c', part(0.5))).rejects.toThrow(/size of a group as a whole number from 1, .* 0.5/)
  })

  it('lets the first member wait until no other has come for the time given', async () => {
    const { send, go, around } = messages(summing({ timeout: '1m' }))
    const first = await send('a', part(1), 1_000)
    expect(first.stop).toMatchObject({ kind: 'suspend', why: 'event', wakeAt: 61_000, hold: false })
    expect((await send('b', part(2), 31_000)).stop).toEqual(AGGREGATED)
    expect((await go('a', 61_000)).stop).toMatchObject({ kind: 'suspend', wakeAt: 91_000 })
    expect((await go('a', 91_000)).body).toEqual({
      ns: [1, 2],
      group: { key: 'k', count: 2, since: 1_000, at: 91_000, by: 'timeout' },
    })
    expect(around.cells.size).toBe(0)
  })

  it('completes a group by its age, though members come', async () => {
    const { send, go } = messages(summing({ timeout: '1m', maxAge: '100s' }))
    await send('a', part(1), 0)
    await send('b', part(2), 59_000)
    expect((await go('a', 60_000)).stop).toMatchObject({ wakeAt: 100_000 })
    await send('c', part(3), 99_000)
    expect((await go('a', 100_000)).body).toMatchObject({ ns: [1, 2, 3], group: { by: 'maxAge' } })
  })

  it('wakes the leader of a group that another completes, and it ends', async () => {
    const { send, go, around } = messages(summing({ size: 2, timeout: '1m' }))
    await send('a', part(1))
    expect((await send('b', part(2))).body).toMatchObject({ ns: [1, 2], group: { by: 'size' } })
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['a'])
    await send('c', part(3))
    expect((await go('a', 2_000)).stop).toEqual(AGGREGATED)
    expect((await go('c', 61_000)).body).toMatchObject({ ns: [3] })
  })

  it('passes the lead on when the leader has looked often, or does not come', async () => {
    const { send, go, around } = messages(summing({ timeout: '1m' }))
    await send('a', part(0), 0)
    for (let n = 1; n <= 16; n += 1) {
      await send(`m${n}`, part(n), n * 50_000)
      await go('a', n * 50_000 + 1)
    }
    expect((await send('b', part(17), 17 * 50_000)).stop).toMatchObject({
      kind: 'suspend',
      wakeAt: 17 * 50_000 + 60_000,
    })
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['a'])
    expect((await go('a', 17 * 50_000 + 1)).stop).toEqual(AGGREGATED)
    expect((await send('c', part(18), 30 * 60_000)).stop).toMatchObject({ kind: 'suspend' })
    expect((await go('b', 30 * 60_000)).stop).toEqual(AGGREGATED)
    expect((await go('c', 31 * 60_000)).body).toMatchObject({ group: { count: 19, by: 'timeout' } })
  })

  it('goes on with a group that is too old when a member comes before its leader', async () => {
    const { send, go } = messages(summing({ maxAge: '1m' }))
    await send('a', part(1), 0)
    expect((await send('b', part(2), 60_000)).body).toMatchObject({ ns: [1, 2], group: { by: 'maxAge' } })
    expect((await go('a', 60_001)).stop).toEqual(AGGREGATED)
  })

  it('collects bodies without a fold, and binds them', async () => {
    const tested = begin<Part>().aggregate('all', { key: ({ key }) => key, complete: { size: 2 }, as: 'all' })
    const around = world()
    await run(tested, part(1), around)
    expect(await run(tested, part(2), { ...around, records: new Map() })).toMatchObject({
      body: part(2),
      names: { all: [part(1), part(2)] },
    })
  })

  it('collects no more than its limit', async () => {
    const tested = begin<number>().aggregate('all', { key: () => 'k', complete: { last: () => false } })
    const around = world()
    around.cells.set('tested/all|k', {
      value: {
        value: { group: 'm.1', rows: 156, tail: Array.from({ length: 16 }, (_, n) => n), length: 10_000 },
        count: 10_000,
        first: 0,
        last: 0,
        leader: null,
        looks: 0,
      },
      until: null,
    })
    await expect(run(tested, 1, around)).rejects.toMatchObject({ code: 'JOIN_TOO_LARGE' })
  })

  it('leaves a group as it was when a function throws', async () => {
    const tested = begin<Part>().aggregate('parts', {
      key: ({ key }) => key,
      initial: (): number[] => [],
      add: (ns, { n }) => {
        ns.push(n)
        if (n < 0) throw new Error('below zero')
        return ns
      },
      complete: { size: 2 },
    })
    const around = world()
    const send = (n: number) => run(tested, part(n), { ...around, records: new Map() })
    await send(1)
    await expect(send(-1)).rejects.toThrow('below zero')
    expect((await send(2)).body).toEqual([1, 2])
  })

  it('refuses members of a closed group, or lets them go, until its time is over', async () => {
    const closing = (late?: 'filter') =>
      begin<Part>().aggregate('parts', {
        key: ({ key }) => key,
        complete: { size: 1 },
        closed: { for: '1h', ...(late === undefined ? {} : { late }) },
      })
    for (const late of [undefined, 'filter'] as const) {
      const around = world()
      const send = (now: number) => run(closing(late), part(1), { ...around, records: new Map() }, { now })
      expect((await send(0)).body).toEqual([part(1)])
      if (late === 'filter') expect((await send(3_599_999)).stop).toMatchObject({ ending: 'filtered' })
      else
        await expect(send(3_599_999)).rejects.toMatchObject({
          code: 'AGGREGATE_CLOSED',
          retry: 'never',
          message: expect.stringContaining('the group "k" was complete at 1970-01-01T00:00:00.000Z'),
        })
      expect((await send(3_600_000)).body).toEqual([part(1)])
    }
  })

  it('completes all groups at the multiples of its interval', async () => {
    const { send, go } = messages(summing({ interval: '1m' }))
    expect((await send('a', part(1), 61_000)).stop).toMatchObject({ kind: 'suspend', wakeAt: 120_000 })
    expect((await send('b', part(2, 'other'), 119_999)).stop).toMatchObject({ wakeAt: 120_000 })
    expect((await send('c', part(3), 119_000)).stop).toEqual(AGGREGATED)
    expect((await go('a', 120_000)).body).toMatchObject({
      ns: [1, 3],
      group: { by: 'interval', at: 120_000 },
    })
    expect((await send('d', part(4), 120_000)).stop).toMatchObject({ wakeAt: 180_000 })
    expect((await go('b', 120_000)).body).toMatchObject({ ns: [2], group: { by: 'interval' } })
  })

  it('completes the group of a signal, which is no member', async () => {
    const { send, go, around } = messages(summing({ size: 9 }))
    await send('a', part(1))
    await send('b', part(2, 'other'))
    expect((await send('c', { ...part(0), signal: 'group' }, 2_000)).stop).toEqual(done(1))
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['a'])
    expect((await go('a', 2_000)).body).toEqual({
      ns: [1],
      group: { key: 'k', count: 1, since: 1_000, at: 2_000, by: 'forced' },
    })
    expect((await send('d', { ...part(0), signal: 'group' })).stop).toEqual(done(0))
    expect([...around.cells.keys()]).toEqual(['tested/parts|other'])
  })

  it('completes all groups that there are when a signal comes, however often it is interrupted', async () => {
    const { send, go, around, recordOf } = messages(summing({ size: 9 }))
    for (let n = 0; n < 600; n += 1) await send(`m${n}`, part(n, `k${n}`), 1_000)
    const all: Part = { ...part(0), signal: 'all' }
    expect((await send('all', all, 2_000)).stop).toEqual(done(600))
    expect(new Set(around.happened.woken.map(({ id }) => id)).size).toBe(600)
    await send('late', part(1, 'k999'), 3_000)
    // Killed before its last page was on record.
    expect([...recordOf('all').keys()]).toEqual(['parts//1', 'parts//2', 'parts//3', 'parts//4'])
    recordOf('all').delete('parts//4')
    expect((await go('all', 4_000)).stop).toEqual(done(600))
    expect((await go('late', 4_000)).stop).toMatchObject({ kind: 'suspend' })
    expect(around.cells.get('tested/parts|k999')?.value).toMatchObject({ forcedAt: null })
    expect((await go('m7', 4_000)).body).toMatchObject({ ns: [7], group: { by: 'forced' } })
    await expect(send('odd', { ...part(1), signal: 'every' as never })).rejects.toThrow(
      /'group', 'all', 'inclusive' or null of its signal, but its function answered "every"/,
    )
  })

  it('completes all groups with a member that says so, and its own with it', async () => {
    const { send, go } = messages(summing({ size: 9 }))
    await send('a', part(1))
    await send('b', part(2, 'other'))
    expect((await send('c', { ...part(3), signal: 'inclusive' }, 2_000)).body).toMatchObject({
      ns: [1, 3],
      group: { by: 'forced' },
    })
    expect((await go('a', 2_000)).stop).toEqual(AGGREGATED)
    expect((await go('b', 2_000)).body).toMatchObject({ ns: [2], group: { by: 'forced' } })
  })

  it('lets no child wait for a group that may never be complete', async () => {
    const tested = begin<Part>().split(
      'each',
      (body) => [body],
      (each) => each.aggregate('parts', { key: ({ key }) => key, complete: { size: 2 } }),
    )
    const around = world()
    await run(tested, part(1), around)
    expect(around.happened.children).toMatchObject([{ ending: 'done' }])
  })

  it('shares its groups with a step of the same scope', async () => {
    const options = { key: ({ key }: Part) => key, complete: { size: 2 }, scope: 'shared' }
    const around = world()
    await run(begin<Part>().aggregate('one', options), part(1), around)
    const other = begin<Part>().aggregate('other', options)
    expect((await run(other, part(2), { ...around, records: new Map() }, { id: 'm-2' })).body).toEqual([
      part(1),
      part(2),
    ])
  })

  it('goes on at the time at which the group was complete', async () => {
    const tested = begin<Part>()
      .aggregate('parts', { key: ({ key }) => key, complete: { timeout: '1m' } })
      .map((_all, { now }) => now)
    const around = world()
    await run(tested, part(1), around, { now: 0 })
    expect((await run(tested, part(1), around, { now: 75_000 })).body).toBe(75_000)
  })

  it('refuses a key that is none', async () => {
    for (const key of ['', undefined, null, Number.NaN, {}]) {
      const tested = begin<number>().aggregate('parts', { key: () => key as never, complete: { size: 2 } })
      await expect(run(tested, 1)).rejects.toThrow(
        /"parts" needs a key by which its group is found: a text that is not empty or a number/,
      )
    }
  })

  it('refuses what makes no sense when it is built', () => {
    const steps = begin<number>()
    const key = () => 'k'
    const built = (options: unknown) => () => steps.aggregate('a', options as never)
    expect(built(undefined)).toThrow(/needs \{ key, complete, … \} as its second argument, not undefined/)
    for (const complete of [undefined, null, {}, { size: undefined }])
      expect(built({ key, complete })).toThrow(/never completes a group/)
    expect(built({ complete: { size: 1 } })).toThrow(/option key of aggregate\(\) must be a function/)
    expect(built({ key, complete: { size: 1 }, add: () => 1 })).toThrow(/option initial of .*function/)
    expect(built({ key, complete: { when: true } })).toThrow(/option when of .*function, but it is true/)
    for (const size of [0, -1, 1.5, Number.NaN])
      expect(built({ key, complete: { size } })).toThrow(/size is a whole number from 1/)
    expect(built({ key, complete: { size: 10_001 } })).toThrow(
      /collects at most 10000 bodies, and its size is 10001/,
    )
    expect(built({ key, complete: { timeout: 0 } })).toThrow(/timeout is a duration above zero/)
    expect(built({ key, collect: 'all', complete: { size: 1 } })).toThrow(/collect is 'stored' or left out/)
    expect(built({ key, keep: '1d', complete: { size: 1 } })).toThrow(/collect is 'stored' or left out/)
    expect(built({ key, collect: 'stored', complete: { size: 20_000 } })).toThrow(
      /stores its members, .* Give it a maxAge or an interval/,
    )
    expect(built({ key, collect: 'stored', keep: 0, complete: { maxAge: '1d' } })).toThrow(
      /keep is a duration above zero/,
    )
    expect(
      built({ key, collect: 'stored', initial: () => 0, add: () => 0, complete: { maxAge: '1d' } }),
    ).toThrow(/folds its members, so they are not stored/)
    expect(built({ key, complete: { size: 1 }, closed: {} })).toThrow(/closed.for is a duration above zero/)
    expect(built({ key, complete: { size: 1 }, closed: { for: '1h', late: 'drop' } })).toThrow(
      /closed.late is 'fail' or 'filter', not "drop"/,
    )
    expect(built({ key, complete: { size: 1 }, as: 'id' })).toThrow(/may not be "id"/)
  })
})

interface Arrival {
  readonly at: number
  readonly key: string
  readonly last: boolean
  readonly signal: GroupSignal
}

interface Rules {
  readonly size: number | null
  readonly timeout: number | null
  readonly maxAge: number | null
  readonly interval: number | null
}

interface Expected {
  readonly key: string
  readonly members: readonly number[]
  readonly at: number
  readonly by: string
}

const isMember = ({ signal }: Pick<Arrival, 'signal'>): boolean => signal === null || signal === 'inclusive'

/** What an aggregator is: lists of members by key, looked at whenever time or a member comes. */
function expectedOf(
  arrivals: readonly Arrival[],
  { size, timeout, maxAge, interval }: Rules,
): readonly Expected[] {
  const open = new Map<string, { members: number[]; first: number; last: number }>()
  const complete: Expected[] = []
  const close = (key: string, at: number, by: string): void => {
    complete.push({ key, members: open.get(key)!.members, at, by })
    open.delete(key)
  }
  const passTime = (now: number): void => {
    for (const [key, { first, last }] of [...open]) {
      const times = [
        ['maxAge', maxAge === null ? Infinity : first + maxAge],
        ['interval', interval === null ? Infinity : first - (first % interval) + interval],
        ['timeout', timeout === null ? Infinity : last + timeout],
      ] as const
      const due = Math.min(...times.map(([, at]) => at))
      if (due <= now) close(key, due, times.find(([, at]) => at === due)![0])
    }
  }
  const closeAll = (at: number): void => {
    for (const key of [...open.keys()]) close(key, at, 'forced')
  }
  for (const [n, { at, key, last, signal }] of arrivals.entries()) {
    passTime(at)
    if (signal === 'all') closeAll(at)
    if (signal === 'group' && open.has(key)) close(key, at, 'forced')
    if (!isMember({ signal })) continue
    const group = open.get(key) ?? { members: [], first: at, last: at }
    open.set(key, group)
    group.members.push(n)
    group.last = at
    if (last) close(key, at, 'last')
    else if (size !== null && group.members.length >= size) close(key, at, 'size')
    if (signal === 'inclusive') closeAll(at)
  }
  passTime(1e9)
  return complete
}

const arrivals = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 40 }),
      key: fc.constantFrom('a', 'b', 'c'),
      last: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      signal: fc.oneof(
        { weight: 9, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom('all', 'group', 'inclusive') },
      ),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((steps) => {
    let at = 0
    return steps.map(({ gap, ...step }): Arrival => {
      at += gap
      return { at, ...step }
    })
  })
const rules = fc.record({
  size: fc.option(fc.integer({ min: 1, max: 6 })),
  timeout: fc.option(fc.integer({ min: 1, max: 60 })),
  maxAge: fc.option(fc.integer({ min: 1, max: 120 })),
  interval: fc.option(fc.integer({ min: 1, max: 90 })),
})

/** Runs a schedule: who sleeps is run at its time, `late` milliseconds after it, or when it was woken. */
async function played(
  given: readonly Arrival[],
  { size, timeout, maxAge, interval }: Rules,
  late: (n: number) => number,
) {
  const { send, go, around } = messages(
    summing({
      ...(size === null ? {} : { size }),
      ...(timeout === null ? {} : { timeout }),
      ...(maxAge === null ? {} : { maxAge }),
      ...(interval === null ? {} : { interval }),
      last: (b) => b.last === true,
    }),
  )
  const asleep = new Map<string, number>()
  const whole: Expected[] = []
  const ended = (id: string, { stop, body }: Ran): void => {
    asleep.delete(id)
    if (stop?.kind === 'suspend') asleep.set(id, stop.wakeAt + late(Number(id)))
    if (stop !== undefined) return
    const { ns, group } = body as Whole
    whole.push({ key: group.key, members: ns, at: group.at, by: group.by })
    expect(group.count).toBe(ns.length)
  }
  const wakeUntil = async (now: number): Promise<void> => {
    for (;;) {
      const [next] = [...asleep].filter(([, at]) => at <= now).toSorted(([, a], [, b]) => a - b)
      if (!next) return
      ended(next[0], await go(next[0], next[1]))
    }
  }
  for (const [n, { at, key, last, signal }] of given.entries()) {
    await wakeUntil(at)
    ended(String(n), await send(String(n), { key, n, last, signal }, at))
    for (const { id } of around.happened.woken.splice(0)) if (asleep.has(id)) ended(id, await go(id, at))
  }
  await wakeUntil(1e9)
  // Who leads a group without a time sleeps on.
  for (const [id, at] of asleep) if (at > 1e9) asleep.delete(id)
  return { whole, asleep, around }
}

const order = (groups: readonly Expected[]): readonly Expected[] =>
  groups.toSorted((a, b) => a.members[0]! - b.members[0]!)

describe('aggregate, on any schedule', () => {
  it('makes the groups that the model makes', async () => {
    await fc.assert(
      fc.asyncProperty(arrivals, rules, async (given, by) => {
        const { whole, asleep } = await played(given, by, () => 0)
        expect(order(whole)).toEqual(order(expectedOf(given, by)))
        expect(asleep.size).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it('counts every member once, in order, when leaders come late', async () => {
    const delays = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 40, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(arrivals, rules, delays, async (given, by, late) => {
        const { whole, asleep, around } = await played(given, by, (n) => late[n] ?? 0)
        const open = [...around.cells.values()].flatMap(({ value }) => (value as { value: number[] }).value)
        expect([...whole.flatMap(({ members }) => members), ...open].toSorted((a, b) => a - b)).toEqual(
          given.flatMap((arrival, n) => (isMember(arrival) ? [n] : [])),
        )
        for (const { members, key } of whole) {
          expect(members).toEqual(members.toSorted((a, b) => a - b))
          expect(members.every((n) => given[n]?.key === key)).toBe(true)
          expect(members.length).toBeLessThanOrEqual(by.size ?? Number.POSITIVE_INFINITY)
        }
        expect(asleep.size).toBe(0)
        if (by.timeout !== null || by.maxAge !== null || by.interval !== null) expect(open).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

describe('aggregate, when the engine is killed', () => {
  const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
  const orders = (complete: Completion<Part, unknown, number>) =>
    flow('orders')
      .from(inbox<Part>(), { key: ({ key }) => key })
      .aggregate('parts', {
        key: ({ key }) => key,
        initial: () => 0,
        add: (sum, { n }) => sum + n,
        complete,
        result: (sum, { key, count, by }) => ({ key, sum, count, by }),
      })
      .to('put', put)

  it('comes to the same by size', async () => {
    const report = await crashSweep(orders({ size: 2, maxAge: '1d' }), ({ send }) => {
      for (const n of [1, 2, 3, 4]) send(part(n, 'a'))
      send(part(5, 'b'))
      send(part(6, 'b'))
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same by a signal', async () => {
    const signalled = flow('orders')
      .from(inbox<Part>())
      .aggregate('parts', {
        key: ({ key }) => key,
        initial: () => 0,
        add: (sum, { n }) => sum + n,
        complete: { size: 9 },
        signal: ({ signal }) => signal,
      })
      .to('put', put)
    const report = await crashSweep(signalled, async ({ send, advance }) => {
      for (const n of [1, 2, 3, 4]) send(part(n, n % 2 === 0 ? 'a' : 'b'))
      await advance('1m')
      send({ ...part(0), signal: 'all' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same when its groups are completed from outside', async () => {
    const open = orders({ size: 9 })
    const report = await crashSweep(open, async ({ send, advance, completeGroups }) => {
      // One of each, as a member that comes while its group is completed may go on in place of the leader.
      for (const [n, key] of ['a', 'b', 'c'].entries()) send(part(n, key))
      await advance('1m')
      completeGroups(open, 'parts')
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same by time', async () => {
    const report = await crashSweep(orders({ timeout: '1h' }), async ({ send, advance }) => {
      send(part(1, 'a'))
      send(part(2, 'b'))
      await advance('30m')
      send(part(3, 'a'))
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
