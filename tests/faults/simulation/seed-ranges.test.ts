import { expect, it } from 'vitest'
import { inParts, lacking, overlap, shownRanges } from './seed-ranges.ts'

it('finds what is left of a range', () => {
  const done = [
    { first: 51, count: 10 },
    { first: 1, count: 20 },
  ]
  expect(lacking({ first: 1, count: 100 }, [])).toEqual([{ first: 1, count: 100 }])
  expect(lacking({ first: 1, count: 100 }, done)).toEqual([
    { first: 21, count: 30 },
    { first: 61, count: 40 },
  ])
  expect(lacking({ first: 5, count: 10 }, done)).toEqual([])
  expect(lacking({ first: 15, count: 40 }, done)).toEqual([{ first: 21, count: 30 }])
})

it('finds ranges that have seeds in common', () => {
  const [one, two, three] = [
    { first: 1, count: 10 },
    { first: 11, count: 10 },
    { first: 20, count: 5 },
  ] as const
  expect(overlap([two, one])).toBeNull()
  expect(overlap([three, one, two])).toEqual([two, three])
})

it('cuts ranges into parts, and shows neighbours as one', () => {
  const parts = inParts(
    [
      { first: 1, count: 25 },
      { first: 101, count: 10 },
    ],
    10,
  )
  expect(parts).toEqual([
    { first: 1, count: 10 },
    { first: 11, count: 10 },
    { first: 21, count: 5 },
    { first: 101, count: 10 },
  ])
  expect(shownRanges(parts)).toBe('1 to 25, 101 to 110')
})
