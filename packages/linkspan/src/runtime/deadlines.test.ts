import { describe, expect, it } from 'vitest'
import { virtualClock } from '../testing/virtual-clock.ts'
import { createDeadlines } from './deadlines.ts'

describe('deadlines', () => {
  it('expire in their order, but for those that were called off', async () => {
    const clock = virtualClock()
    const deadlines = createDeadlines(clock)
    const expired: string[] = []
    const callOff = deadlines.start(100, () => expired.push('a'))
    await clock.advance(50)
    deadlines.start(100, () => expired.push('b'))
    deadlines.start(20, () => expired.push('c'))
    callOff()
    await clock.advance(60)
    expect(expired).toEqual(['c'])
    await clock.advance(60)
    expect(expired).toEqual(['c', 'b'])
    expect(clock.timers).toBe(0)
  })

  it('leave no timer behind once they are closed', async () => {
    const clock = virtualClock()
    const deadlines = createDeadlines(clock)
    const expired: string[] = []
    deadlines.start(100, () => expired.push('a'))()
    deadlines.start(200, () => expired.push('b'))
    expect(clock.timers).toBe(2)
    deadlines.close()
    expect(clock.timers).toBe(0)
    await clock.advance(500)
    expect(expired).toEqual([])
  })
})
