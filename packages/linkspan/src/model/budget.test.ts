import { describe, expect, it } from 'vitest'
import { budgetRules } from './budget.ts'

describe('a budget', () => {
  it('is taken as stated, with numbers from references', () => {
    expect(budgetRules({ rate: 100, per: '1m', concurrent: '5', perDay: 10_000 }, 'boards')).toEqual({
      rate: { starts: 100, perMs: 60_000, burst: 100 },
      concurrent: 5,
      perDay: 10_000,
    })
    expect(budgetRules({}, 'boards')).toEqual({ rate: null, concurrent: null, perDay: null })
  })

  it.each([
    [5, /is an object.*not 5/],
    [[], /is an object/],
    [{ rate: 0, per: '1s' }, /rate is a whole number from 1, not 0/],
    [{ rate: -3, per: '1s' }, /rate is a whole number from 1, not -3/],
    [{ rate: 1.5, per: '1s' }, /rate is a whole number from 1, not 1.5/],
    [{ concurrent: 'many' }, /concurrent is a whole number from 1, not "many"/],
    [{ perDay: Number.POSITIVE_INFINITY }, /perDay is a whole number/],
    [{ rate: 5 }, /rate and per belong together/],
    [{ per: '1s' }, /rate and per belong together/],
    [{ rate: 5, per: '500ms' }, /per is from '1s' to '1d', not "500ms"/],
    [{ rate: 5, per: '2d' }, /per is from '1s' to '1d'/],
    [{ rate: 5, per: 'often' }, /"often" is not a duration/],
    [{ rate: 5, per: '1s', burst: 6 }, /burst is at most rate, and 6 is more than 5/],
    [{ concurrency: 5 }, /has no "concurrency", only rate, per, burst, concurrent, perDay/],
  ])('is refused when it is %j', (given, message) => {
    expect(() => budgetRules(given, 'boards')).toThrow(message)
  })
})
