import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../../flow/flow.ts'
import { inbox } from '../../flow/inbox.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { fakeOperation } from '../../testing/fake-operation.ts'
import { groupsOf } from './groups-of.ts'

describe('groupsOf', () => {
  it('has each item once, in order, in groups that are full but for the last', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 9 }), (items, size) => {
        const groups = [...groupsOf(items, size)]
        expect(groups.flat()).toEqual(items)
        expect(groups.slice(0, -1).every(({ length }) => length === size)).toBe(true)
        expect(groups.every(({ length }) => length >= 1 && length <= size)).toBe(true)
      }),
    )
  })

  it('reads no further than it is asked to', () => {
    let read = 0
    function* endless(): Generator<number> {
      for (;;) yield ++read
    }
    const groups = groupsOf(endless(), 3)[Symbol.iterator]()
    expect([groups.next().value, groups.next().value]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(read).toBe(6)
  })

  it('refuses a size that is none', () => {
    for (const size of [0, -1, 1.5, Number.NaN, '2' as never])
      expect(() => groupsOf([1], size)).toThrow(/groups of a whole number from 1/)
  })

  it('splits into the same groups, wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const lines = flow('lines')
      .from(inbox<readonly number[]>(), { key: () => 'one' })
      .split(
        'pairs',
        (all) => groupsOf(all, 2),
        (pair) => pair.to('put', put).map((both) => both.length),
        { concurrency: 1, join: { as: 'counts', initial: (): number[] => [], add: (all, n) => [...all, n] } },
      )
      .reply('counts', (_all, { counts }) => counts)
    const report = await crashSweep(lines, ({ send }) => send([1, 2, 3, 4, 5]))
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
