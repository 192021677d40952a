import { expect, test } from 'vitest'
import { databaseTime } from './database-time.ts'

const at = (ms: number) => ({ monotonic: () => ms })
const T = 1_800_000_000_000

test('goes on from when the answer came, so that it is never ahead of the database', () => {
  const first = { sentAt: 100, receivedAt: 140, nowMs: T }
  expect(databaseTime(at(140), first).now()).toBe(T)
  expect(databaseTime(at(1_140), first).now()).toBe(T + 1_000)
})

test('takes each later answer, but not one that was long on its way', () => {
  const clock = { ms: 0, monotonic: () => clock.ms }
  const time = databaseTime(clock, { sentAt: 0, receivedAt: 0, nowMs: T })
  clock.ms = 1_000
  time.read({ sentAt: 990, receivedAt: 1_000, nowMs: T + 5_000 })
  expect(time.now()).toBe(T + 5_000)
  clock.ms = 3_000
  time.read({ sentAt: 1_000, receivedAt: 3_000, nowMs: T + 5_001 })
  expect(time.now()).toBe(T + 7_000)
})

test('makes do with a slow first answer until a quicker one comes', () => {
  const clock = { ms: 4_000, monotonic: () => clock.ms }
  const time = databaseTime(clock, { sentAt: 0, receivedAt: 4_000, nowMs: T })
  time.read({ sentAt: 4_000, receivedAt: 7_000, nowMs: T + 5_000 })
  clock.ms = 7_000
  expect(time.now()).toBe(T + 5_000)
})
