import { describe, expect, it } from 'vitest'
import { bucketOf, bucketTop, histogram, merge, quantile } from '../../bench/load/histogram.ts'
import { seeded } from '../../bench/report/statistics.ts'

describe('histogram', () => {
  it('keeps every value within 1/64 of itself, and buckets in order', () => {
    let previous = -1
    for (let value = 0; value < 5_000_000; value += 1 + Math.floor(value / 300)) {
      const bucket = bucketOf(value)
      const top = bucketTop(bucket)
      expect(top).toBeGreaterThanOrEqual(value)
      expect(top - value).toBeLessThanOrEqual(Math.max(0, value / 64))
      expect(bucket).toBeGreaterThanOrEqual(previous)
      previous = bucket
    }
  })

  it('puts the first value past a bucket into the next', () => {
    for (let bucket = 0; bucket < 1500; bucket++) {
      expect(bucketOf(bucketTop(bucket))).toBe(bucket)
      expect(bucketOf(bucketTop(bucket) + 1)).toBe(bucket + 1)
    }
  })

  it('agrees with the exact quantiles of a seeded sample', () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = seeded(seed)
    const values = Array.from({ length: 20_000 }, () => Math.floor(random() ** 4 * 100_000))
    const counted = histogram()
    for (const value of values) counted.record(value)
    const sorted = values.toSorted((a, b) => a - b)
    for (const q of [0.01, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1]!
      const measured = quantile(counted.snapshot(), q)
      expect(measured, `seed ${seed}, q ${q}`).toBeGreaterThanOrEqual(exact)
      expect(measured, `seed ${seed}, q ${q}`).toBeLessThanOrEqual(exact * (1 + 1 / 64) + 1)
    }
  })

  it('never tells more than the largest value, and NaN of nothing', () => {
    const counted = histogram()
    expect(quantile(counted.snapshot(), 0.99)).toBeNaN()
    counted.record(1000)
    expect(quantile(counted.snapshot(), 0.99)).toBe(1000)
  })

  it('merges into what one histogram of all values would be', () => {
    const [left, right, both] = [histogram(), histogram(), histogram()]
    for (const value of [3, 500, 500, 70_000]) {
      left.record(value)
      both.record(value)
    }
    for (const value of [500, 2_000_000]) {
      right.record(value)
      both.record(value)
    }
    expect(merge([left.snapshot(), right.snapshot()])).toEqual(both.snapshot())
  })
})
