import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { begin, run } from './fixtures/pass-for-tests.ts'

interface Item {
  readonly rank: number
  readonly at: number
}

describe('sort', () => {
  it('puts the items in order, keeps equal ones as they are, and leaves the array that came in', async () => {
    const tested = begin<Item[]>().sort('by rank', (a, b) => a.rank - b.rank)
    const random = fc.array(fc.integer({ min: 0, max: 4 }))
    await fc.assert(
      fc.asyncProperty(random, async (ranks) => {
        const items = ranks.map((rank, at) => ({ rank, at }))
        const given = [...items]
        const { body, atOnce } = await run(tested, given)
        const expected = [0, 1, 2, 3, 4].flatMap((rank) => items.filter((item) => item.rank === rank))
        expect(body).toEqual(expected)
        expect(given).toEqual(items)
        expect(atOnce).toBe(true)
      }),
    )
  })

  it('takes any iterable', async () => {
    const tested = begin<Set<string>>().sort((a, b) => a.localeCompare(b))
    expect((await run(tested, new Set(['b', 'a']))).body).toEqual(['a', 'b'])
  })

  it('refuses a body without items, and an answer that is no number', async () => {
    const tested = begin<number[]>().sort('up', (a, b) => a - b)
    for (const body of ['text', 3, null, undefined, {}])
      await expect(run(tested, body)).rejects.toMatchObject({ code: 'STEP_FAILED', retry: 'never' })
    await expect(run(tested, [1, undefined])).resolves.toBeDefined()
    await expect(run(tested, [1, {}])).rejects.toThrow(/must answer a number .* but it answered NaN/)
    const wrong = begin<number[]>().sort('up', ((a: number, b: number) => a > b) as never)
    await expect(run(wrong, [1, 2])).rejects.toThrow(/answered (true|false)/)
    expect(() => begin<number[]>().sort('up', undefined as never)).toThrow(
      /the comparator of sort\(\) must be/,
    )
  })
})
