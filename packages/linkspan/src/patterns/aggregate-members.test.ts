import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import type { Flow } from '../index.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, type Ran, run, type World, world } from './fixtures/pass-for-tests.ts'

/** Sends bodies, each as a message of its own on the same cells; answers how the last one ended. */
async function sendAll(tested: Flow, bodies: readonly unknown[], around: World, now = 1_000): Promise<Ran> {
  let last: Ran | undefined
  for (const [n, body] of bodies.entries())
    last = await run(tested, body, { ...around, records: new Map() }, { id: `m${n}`, now })
  return last as Ran
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

const cellOf = (around: World): string => JSON.stringify(around.cells.get('tested/all|k')?.value ?? null)

const storing = (size: number) =>
  begin<number>()
    .aggregate('all', { key: () => 'k', collect: 'stored', complete: { size, maxAge: '1h' }, keep: '1d' })
    .split(
      'each',
      (members) => members,
      (each) => each.map((n) => n),
      { join: { as: 'sum', initial: () => 0, add: (sum, n) => sum + n } },
    )

describe('aggregate that stores its members', () => {
  it('gives them to a split in the order in which they came, however many there are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), async (count) => {
        const around = world()
        const last = await sendAll(storing(count), upTo(count), around)
        expect(last.body).toMatchObject({ kind: 'members', count })
        expect(around.happened.children.map(({ body }) => body)).toEqual(upTo(count))
        expect(last.names).toMatchObject({ sum: (count * (count - 1)) / 2 })
      }),
      { numRuns: 12 },
    )
  })

  it('writes one row for each member, and a cell that does not grow', async () => {
    const around = world()
    const tested = storing(500)
    const lengths: number[] = []
    for (const n of upTo(499)) {
      await run(tested, n, { ...around, records: new Map() }, { id: `m${n}` })
      lengths.push(cellOf(around).length)
      expect(around.cells.size).toBe(n + 2)
    }
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(10)
  })

  it('keeps them until some time after their group has to be complete', async () => {
    const around = world()
    await sendAll(storing(9), upTo(3), around, 5_000)
    const rows = [...around.cells].filter(([id]) => id.startsWith('tested/all//members|'))
    expect(rows.map(([, { until }]) => until)).toEqual(upTo(3).map(() => 5_000 + 3_600_000 + 86_400_000))
  })

  it('says so when they are not there any more', async () => {
    for (const gone of [0, 1, 2]) {
      const around = world()
      const tested = storing(3)
      await sendAll(tested, upTo(2), around)
      const rows = () => [...around.cells.keys()].filter((id) => id.startsWith('tested/all//members|'))
      around.cells.delete(rows()[gone] ?? '')
      const kept = { ...around, records: new Map() }
      if (gone === 2) {
        expect((await run(tested, 2, kept, { id: 'm2' })).stop).toBeUndefined()
        continue
      }
      await expect(run(tested, 2, kept, { id: 'm2' })).rejects.toThrow(
        /members of the group that the step "each" takes are not in the journal any more/,
      )
    }
  })

  it('gives them to nobody who was only sent what looks like them', async () => {
    const around = world()
    await sendAll(storing(9), upTo(3), around)
    const [id = ''] = [...around.cells.keys()].filter((each) => each.startsWith('tested/all//members|'))
    const group = id.slice('tested/all//members|'.length).split('/')[0]
    const sent = { kind: 'members', count: 3, scope: 'tested/all//members', group }
    const open = begin<{ readonly items: readonly number[] }>().split(
      'each',
      (body) => body.items,
      (each) => each.map((n) => n),
    )
    await expect(run(open, { items: sent }, around)).rejects.toThrow(/not those of this message/)
    expect(around.happened.children).toEqual([])
  })

  it('collects no more of them in a join than fits an array', async () => {
    const tested = begin<number>()
      .aggregate('all', { key: () => 'k', collect: 'stored', complete: { size: 10_001, maxAge: '1h' } })
      .split(
        'each',
        (members) => members,
        (each) => each.map((n) => n),
        { join: 'collect', as: 'all' },
      )
    await expect(sendAll(tested, upTo(10_001), world())).rejects.toMatchObject({ code: 'JOIN_TOO_LARGE' })
  })
})

describe('aggregate that makes an array of its members', () => {
  const listing = (size: number) =>
    begin<number>().aggregate('all', { key: () => 'k', complete: { size }, as: 'all' })

  it('gives all of them in the order in which they came, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 400 }), async (count) => {
        const around = world()
        const { names } = await sendAll(listing(count), upTo(count), around)
        expect(names['all']).toEqual(upTo(count))
        expect(around.cells.size).toBe(0)
      }),
      { numRuns: 20 },
    )
  })

  it('writes few of them again with each that comes', async () => {
    const around = world()
    const tested = listing(2_000)
    let longest = 0
    for (const n of upTo(1_999)) {
      await run(tested, n, { ...around, records: new Map() }, { id: `m${n}` })
      longest = Math.max(longest, cellOf(around).length)
    }
    expect(longest).toBeLessThan(64 * 5 + 300)
  })

  it('shows all of them to a predicate', async () => {
    const tested = begin<number>().aggregate('all', {
      key: () => 'k',
      complete: { when: (all) => all.length === 200 && all.every((n, at) => n === at) },
    })
    expect((await sendAll(tested, upTo(200), world())).body).toEqual(upTo(200))
  })

  it('gives the same ones again after a kill, also between putting them on record and removing them', async () => {
    const around = world()
    const tested = listing(130)
    await sendAll(tested, upTo(129), around)
    const before = new Map(around.cells)
    const own = { ...around, records: new Map<string, never>() }
    const whole = (await run(tested, 129, own, { id: 'last' })).names['all']
    expect(whole).toEqual(upTo(130))
    const places = [...own.records.keys()]
    expect(places).toHaveLength(3)
    // Killed before it noted that they are removed: some are, and some are not.
    own.records.delete(places[2] as string)
    for (const [id, cell] of before) if (id.endsWith('1')) around.cells.set(id, cell)
    expect((await run(tested, 129, own, { id: 'last' })).names['all']).toEqual(whole)
    expect(around.cells.size).toBe(0)
  })

  it('takes no more than one body may hold', async () => {
    const text = 'x'.repeat(2 ** 20)
    const tested = begin<string>().aggregate('all', { key: () => 'k', complete: { size: 99 } })
    const around = world()
    await sendAll(tested, Array(15).fill(text), around)
    const more = { ...around, records: new Map() }
    await expect(run(tested, text, more, { id: 'm15' })).rejects.toMatchObject({
      code: 'JOIN_TOO_LARGE',
      message: expect.stringMatching(/at most 16777216 characters together .* Fold them instead/),
    })
    expect((await run(tested, 'short', { ...around, records: new Map() }, { id: 'm16' })).stop).toBeDefined()
  })
})

describe('aggregate with many members, when the engine is killed', () => {
  const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })

  it('comes to the same with members that are stored', async () => {
    const stored = flow('orders')
      .from(inbox<number>(), { key: () => 'one' })
      .aggregate('all', { key: () => 'k', collect: 'stored', complete: { size: 4, maxAge: '1d' } })
      .split(
        'each',
        (members) => members,
        (each) => each.to('put', put),
      )
    const report = await crashSweep(stored, ({ send }) => {
      for (const n of [1, 2, 3, 4]) send(n)
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
