import { describe, expect, it } from 'vitest'
import { growth } from '../../bench/report/figures.ts'
import { median, ratios, seeded, shuffled, spread } from '../../bench/report/statistics.ts'

describe('median and spread', () => {
  it('takes the middle value, or the mean of the two middle ones, by number and not by text', () => {
    expect(median([10, 9, 100])).toBe(10)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  it('leaves out what is not a number, and is NaN of nothing', () => {
    expect(median([Number.NaN, 3, 1, 2])).toBe(2)
    expect(median([])).toBeNaN()
    expect(spread([5, Number.NaN, 1])).toEqual({ median: 3, min: 1, max: 5 })
  })
})

describe('ratios', () => {
  it('compares within a round and not between medians', () => {
    expect(ratios([10, 400, 30], [20, 200, 20])).toEqual([0.5, 2, 1.5])
  })

  it('leaves out rounds that one of the two lacks', () => {
    expect(ratios([10, undefined, 30], [20, 20, undefined])).toEqual([0.5])
    expect(ratios([10], [0])).toEqual([])
  })
})

describe('growth', () => {
  it('is 1 for a flat series, whatever it does while it warms up', () => {
    expect(growth([10, 900, 200, 200, 200, 200, 200, 200])).toBe(1)
  })

  it('sees a leak', () => {
    expect(growth(Array.from({ length: 100 }, (_, i) => 100 + i))).toBeGreaterThan(1.3)
  })
})

describe('order of the runs', () => {
  it('is the same for the same seed, a different one for another, and always complete', () => {
    const items = Array.from({ length: 20 }, (_, i) => i)
    const first = shuffled(items, seeded(7))
    expect(shuffled(items, seeded(7))).toEqual(first)
    expect(shuffled(items, seeded(8))).not.toEqual(first)
    expect(first.toSorted((a, b) => a - b)).toEqual(items)
  })
})
