import { expect, test } from 'vitest'
import { createProgress, progressLine } from './progress.ts'

function bar(isTTY: boolean, hidden = false) {
  const written: string[] = []
  let now = 0
  const stderr = { write: (text: string) => void written.push(text), isTTY, columns: 120 }
  const progress = createProgress({ stderr, now: () => now }, 'replaying', hidden)
  return { written, progress, pass: (ms: number) => (now += ms) }
}

test('says how far it is and how long is left', () => {
  expect(progressLine('replaying', 500, 2000, 10_000)).toBe(
    'replaying ██████░░░░░░░░░░░░░░░░░░ 25%  500 of 2,000  30s left',
  )
  expect(progressLine('replaying', 3000, 2000, 1)).toBe(
    'replaying ████████████████████████ 100%  3,000 of 2,000',
  )
  expect(progressLine('replaying', 12, 0, 1)).toBe('replaying 12')
})

test('is drawn at most ten times a second, and taken away at the end', () => {
  const { written, progress, pass } = bar(true)
  progress.report(1, 100)
  progress.report(2, 100)
  expect(written).toHaveLength(1)
  pass(100)
  progress.report(3, 100)
  expect(written).toHaveLength(2)
  progress.report(100, 100)
  expect(written.at(-1)).toContain('100%')
  progress.end()
  expect(written.at(-1)).toBe('\r\u001b[2K')
})

test('without a total it counts, as seldom', () => {
  const { written, progress, pass } = bar(true)
  for (const done of [1, 2, 3]) progress.report(done, 0)
  expect(written).toHaveLength(1)
  pass(100)
  progress.report(4, 0)
  expect(written.at(-1)).toContain('replaying 4')
})

test('is silent where nobody looks', () => {
  for (const { written, progress } of [bar(false), bar(true, true)]) {
    progress.report(1, 2)
    progress.end()
    expect(written).toEqual([])
  }
})
