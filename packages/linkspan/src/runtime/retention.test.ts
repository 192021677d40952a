import { describe, expect, it } from 'vitest'
import { memoryLogger } from '../testing/memory-logger.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import { keepRetention } from './retention.ts'

const DAY = 86_400_000

/** What is forgotten by a clock that somebody sets. */
function keeping() {
  const clock = virtualClock()
  const start = clock.now()
  let set = 0
  const bounds: { endedBefore: number; attentionBefore: number; now: number }[] = []
  const stop = keepRetention({
    history: {
      async prune(endedBefore, attentionBefore, now) {
        bounds.push({ endedBefore, attentionBefore, now })
        return 0
      },
      backup: async () => undefined,
    },
    outside: {
      clock: { ...clock, now: () => clock.now() + set },
      random: seededRandom(1),
      logger: memoryLogger(),
    },
    keepMs: 14 * DAY,
    keepAttentionMs: 90 * DAY,
  })
  const last = () => bounds.at(-1) as (typeof bounds)[number]
  return {
    clock,
    start,
    stop,
    last,
    setBy: (ms: number) => {
      set += ms
    },
  }
}

describe('retention', () => {
  it('forgets what is older than it is to be kept', async () => {
    const { clock, start, stop, last } = keeping()
    await clock.advance('20d')
    expect(last()).toEqual({
      endedBefore: start + 6 * DAY,
      attentionBefore: start - 70 * DAY,
      now: start + 20 * DAY,
    })
    stop()
  })

  it('is not made to forget by a clock that is set ahead', async () => {
    const { clock, start, stop, last, setBy } = keeping()
    setBy(30 * DAY)
    await clock.advance('2h')
    expect(last().endedBefore).toBeLessThan(start - 13 * DAY)
    setBy(-30 * DAY)
    await clock.advance('2h')
    expect(last().endedBefore).toBe(start + 4 * 3_600_000 - 14 * DAY)
    stop()
  })

  it('keeps longer by a clock that is set back', async () => {
    const { clock, start, stop, last, setBy } = keeping()
    setBy(-7 * DAY)
    await clock.advance('1d')
    expect(last().endedBefore).toBe(start - 20 * DAY)
    stop()
  })
})
