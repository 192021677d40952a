import { expect, it } from 'vitest'
import { one, sum, testCounts } from '../../scripts/lib/counts.ts'

const summary = (tests: string) => `\n Test Files  1 passed (1)\n      Tests  ${tests}\n   Duration  1s\n`

it('counts what vitest says', () => {
  expect(testCounts(summary('45 passed (45)'), 0)).toMatchObject({ passed: 45, failed: 0 })
  expect(testCounts(summary('2 failed | 45 passed | 1 skipped (48)'), 1)).toMatchObject({
    passed: 45,
    failed: 2,
  })
  expect(testCounts(summary('3 passed | 1 skipped (4)'), 0).note).toBe('3 tests passed, 1 skipped')
})

it('counts a failed run as a failure although no test failed', () => {
  expect(testCounts(summary('45 passed (45)'), 1)).toMatchObject({ passed: 45, failed: 1 })
})

it('counts a run of no test as a failure', () => {
  expect(testCounts(summary('no tests'), 0)).toMatchObject({ passed: 0, failed: 1 })
  expect(testCounts('', 0)).toMatchObject({ passed: 0, failed: 1 })
})

it('takes the last summary, not a line that a test printed', () => {
  expect(testCounts(`${summary('9 passed (9)')}${summary('1 failed (1)')}`, 1)).toMatchObject({ failed: 1 })
})

it('adds up', () => {
  expect(sum([one(true), one(false), { passed: 3, failed: 1 }])).toEqual({ passed: 4, failed: 2 })
})
