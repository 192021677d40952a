import { expect, test } from 'vitest'
import { memoryLogger } from '../testing/memory-logger.ts'
import { judgedClock } from './judged-clock.ts'

const DAY_MS = 86_400_000
const T = 1_800_000_000_000

function rigged() {
  const wall = { ms: T }
  const journal: { ms: number | null } = { ms: T }
  const log = memoryLogger()
  const machine = {
    now: () => wall.ms,
    monotonic: () => 0,
    timer: () => () => undefined,
    defer: () => undefined,
  }
  const clock = judgedClock(machine, log)
  return { wall, journal, log, clock, judged: () => clock.judgeBy(() => journal.ms) }
}

test('shows what the machine shows while that is right, or nobody says otherwise', () => {
  const { clock, wall, journal, judged } = rigged()
  wall.ms = T + 30 * DAY_MS
  expect(clock.now()).toBe(wall.ms)
  judged()
  journal.ms = null
  expect(clock.now()).toBe(wall.ms)
  journal.ms = T
  wall.ms = T + 900
  expect(clock.now()).toBe(T + 900)
})

test.each([30 * DAY_MS, -7 * DAY_MS, 1_001])('goes by the journal when the machine is out by %i ms', (by) => {
  const { clock, wall, judged } = rigged()
  judged()
  wall.ms = T + by
  expect(clock.now()).toBe(T)
})

test('says once that the machine is wrong, and once that it is right again', async () => {
  const { clock, wall, log, judged } = rigged()
  judged()
  await clock.look()
  wall.ms = T + DAY_MS
  await clock.look()
  await clock.look()
  expect(log.of('clock.wrong')).toMatchObject([{ fields: { aheadMs: DAY_MS } }])
  expect(log.of('clock.right')).toEqual([])
  wall.ms = T
  await clock.look()
  await clock.look()
  expect(log.of('clock.right')).toHaveLength(1)
})
