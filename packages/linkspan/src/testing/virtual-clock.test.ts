import { describe, expect, it } from 'vitest'
import { seededRandom } from './seeded-random.ts'
import { virtualClock } from './virtual-clock.ts'

describe('virtualClock', () => {
  it('runs timers at their times, those of one time in the order in which they were set', async () => {
    const clock = virtualClock({ start: 1_000 })
    const seen: string[] = []
    const note = (what: string) => () => void seen.push(`${what}@${clock.now()}`)
    clock.timer(20, note('late'))
    clock.timer(10, note('a'))
    clock.timer(10, note('b'))
    clock.timer(10, note('cancelled'))()
    clock.timer(Number.POSITIVE_INFINITY, note('never'))
    await clock.advance(15)
    expect(seen).toEqual(['a@1010', 'b@1010'])
    expect(clock.now()).toBe(1_015)
    expect(clock.monotonic()).toBe(15)
    await clock.run()
    expect(seen).toEqual(['a@1010', 'b@1010', 'late@1020'])
    expect(clock.timers).toBe(0)
  })

  it('lets promises settle between steps', async () => {
    const clock = virtualClock({ start: 0 })
    const seen: string[] = []
    clock.defer(() => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => seen.push('promise of first'))
    })
    clock.defer(() => void seen.push('second'))
    clock.timer(0, () => void seen.push('timer'))
    await clock.settle()
    expect(seen).toEqual(['promise of first', 'second'])
    await clock.advance(0)
    expect(seen).toEqual(['promise of first', 'second', 'timer'])
  })

  it('cancels only the timer that was set', async () => {
    const clock = virtualClock()
    const fired: number[] = []
    const cancel = clock.timer(5, () => void fired.push(1))
    await clock.advance(5)
    clock.timer(5, () => void fired.push(1))
    cancel()
    cancel()
    await clock.advance(5)
    expect(fired).toHaveLength(2)
  })

  it('moves the time for a promise only as far as it must', async () => {
    const clock = virtualClock({ start: 0 })
    clock.timer(1_000, () => undefined)
    await clock.during(new Promise<void>((resolve) => clock.timer(10, resolve)))
    expect(clock.now()).toBe(10)
    await expect(clock.during(Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    await expect(clock.during(new Promise(() => undefined))).rejects.toThrow('Nothing is left to do')
  })

  it('gives up on timers without an end', async () => {
    const clock = virtualClock({ maxSteps: 100 })
    const again = (): void => void clock.timer(1, again)
    again()
    await expect(clock.run()).rejects.toThrow('timers are set over and over')
  })
})

describe('seededRandom', () => {
  it('is the same for the same seed, and spread evenly', () => {
    const draw = (seed: number | string): number[] => {
      const random = seededRandom(seed)
      return Array.from({ length: 4_000 }, random.next)
    }
    const values = draw(7)
    expect(values).toEqual(draw(7))
    expect(values).not.toEqual(draw('8'))
    const tenths = Array.from({ length: 10 }, (_, n) => values.filter((v) => Math.floor(v * 10) === n).length)
    for (const count of tenths) expect(Math.abs(count - 400)).toBeLessThan(100)
    expect(seededRandom(7).token(12)).toMatch(/^[a-z0-9]{12}$/)
  })
})
