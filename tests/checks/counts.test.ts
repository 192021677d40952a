import { describe, expect, it } from 'vitest'
import type { Command, Run } from '../../scripts/lib/command.ts'
import { one, onlyDeaths, sum, testCounts } from '../../scripts/lib/counts.ts'
import { runTests } from '../../scripts/lib/tests-stage.ts'

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

describe('a process of the test runner that Node itself ended', () => {
  const died = (signal: string, file = 'tests/faults/a.test.ts') =>
    `Caused by: Error: Worker exited unexpectedly with signal ${signal} during started state while running test file ${file}\n`
  const errors = (count: number) => `     Errors  ${count} error${count > 1 ? 's' : ''}\n`

  it('is told from failures of the tests, of the program, and of what else there is', () => {
    const output = `${died('SIGTRAP')}${errors(1)}${summary('45 passed (46)')}`
    expect(onlyDeaths(output, 1)).toEqual([{ signal: 'SIGTRAP', file: 'tests/faults/a.test.ts' }])
    expect(onlyDeaths(output, 0)).toEqual([])
    expect(onlyDeaths(`${died('SIGTRAP')}${errors(1)}${summary('1 failed | 45 passed (46)')}`, 1)).toEqual([])
    expect(onlyDeaths(`${died('SIGTRAP')}${errors(2)}${summary('45 passed (46)')}`, 1)).toEqual([])
    expect(onlyDeaths(`${died('SIGKILL')}${errors(1)}${summary('45 passed (46)')}`, 1)).toEqual([])
    expect(onlyDeaths(summary('45 passed (45)'), 1)).toEqual([])
  })

  const running = (...runs: Run[]) => {
    const started: string[] = []
    return {
      started,
      start: async ({ args }: Command): Promise<Run> => {
        started.push(args.slice(args.indexOf('test')).join(' '))
        return runs.shift() as Run
      },
    }
  }
  const dead: Run = { code: 1, output: `${died('SIGSEGV')}${errors(1)}${summary('45 passed (46)')}` }

  it('has the tests of its file run again, once, and says so', async () => {
    const { started, start } = running(dead, { code: 0, output: summary('3 passed (3)') })
    const { outcome } = await runTests(1, start)
    expect(started).toEqual(['test', 'test -- tests/faults/a.test.ts'])
    expect(outcome).toMatchObject({ passed: 48, failed: 0 })
    expect(outcome.note).toMatch(/Node died in tests\/faults\/a.test.ts by SIGSEGV/)
  })

  it('fails when they fail, or it dies again', async () => {
    const failing = running(dead, { code: 1, output: summary('1 failed | 2 passed (3)') })
    expect((await runTests(1, failing.start)).outcome).toMatchObject({ passed: 47, failed: 1 })
    const dying = running(dead, { code: 1, output: `${died('SIGSEGV')}${errors(1)}${summary('no tests')}` })
    expect((await runTests(1, dying.start)).outcome).toMatchObject({ failed: 1 })
    expect(dying.started).toHaveLength(2)
  })
})
