import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sharesToGive, sharesToTake } from './shares.ts'

const counts = fc
  .record({
    partitions: fc.integer({ min: 2, max: 64 }),
    wanted: fc.array(fc.nat(64), { minLength: 1, maxLength: 9 }),
  })
  .map(({ partitions, wanted }) => {
    let left = partitions
    const owned = new Map<number, number>()
    for (const [member, want] of wanted.entries()) {
      const count = Math.min(want, left)
      left -= count
      owned.set(member, count)
    }
    return { partitions, owned }
  })

/** Members beat in some order, again and again, until nothing moves; answers how many were given back. */
function settle(partitions: number, owned: Map<number, number>, turns: readonly number[]): number {
  const members = [...owned.keys()]
  let given = 0
  for (let quiet = 0, turn = 0; quiet < 2 * members.length; turn += 1) {
    const random = turns[turn % Math.max(1, turns.length)] ?? 0
    const member = members[(turn < 20 ? random + turn : turn) % members.length] as number
    const take = sharesToTake({ partitions, owned }, member)
    owned.set(member, (owned.get(member) as number) + take)
    const give = sharesToGive({ partitions, owned }, member)
    owned.set(member, (owned.get(member) as number) - give)
    given += give
    quiet = turn >= 20 && take === 0 && give === 0 ? quiet + 1 : 0
    expect(turn, 'partitions move without an end').toBeLessThan(2000)
  }
  return given
}

describe('shares of partitions', () => {
  test('end with all owned, and nobody below the even share', () => {
    fc.assert(
      fc.property(counts, fc.array(fc.nat(8), { maxLength: 20 }), ({ partitions, owned }, turns) => {
        settle(partitions, owned, turns)
        const all = [...owned.values()]
        expect(all.reduce((a, b) => a + b, 0)).toBe(partitions)
        expect(Math.min(...all)).toBeGreaterThanOrEqual(Math.floor(partitions / owned.size))
      }),
      { numRuns: 2000, verbose: true },
    )
  })

  test('move no more than a member that joins lacks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 64 }), fc.integer({ min: 1, max: 9 }), (partitions, present) => {
        const owned = new Map<number, number>(Array.from({ length: present }, (_, member) => [member, 0]))
        settle(partitions, owned, [])
        owned.set(present, 0)
        expect(settle(partitions, owned, [])).toBe(Math.floor(partitions / (present + 1)))
      }),
      { verbose: true },
    )
  })

  test('leave to those who lack some what is free', () => {
    expect(sharesToTake({ partitions: 8, owned: new Map([[1, 0]]) }, 1)).toBe(8)
    const one = {
      partitions: 8,
      owned: new Map([
        [1, 4],
        [2, 0],
        [3, 2],
      ]),
    }
    expect([1, 2, 3].map((member) => sharesToTake(one, member))).toEqual([0, 2, 0])
    const two = {
      partitions: 4,
      owned: new Map([
        [1, 2],
        [2, 2],
        [3, 0],
      ]),
    }
    expect([1, 2, 3].map((member) => sharesToGive(two, member))).toEqual([1, 0, 0])
  })
})
