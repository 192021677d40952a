import { virtualClock } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { createCommits } from '../../bench/journal/in-flight/commits.ts'
import { createServerTime } from '../../bench/journal/in-flight/server-time.ts'
import { createSlices, WARM_UP } from '../../bench/journal/in-flight/slices.ts'
import { batchOf } from '../../bench/linkspan/filling.ts'

describe('slices', () => {
  const sliceMs = 100
  const slicesAt = () => {
    let now = 0
    const slices = createSlices({
      depths: [1, 2],
      sliceMs,
      serverCpuSeconds: () => now / 1_000,
      now: () => now,
    })
    const go = (to: number) => {
      now = to
    }
    return { slices, go }
  }

  it('lets the depths take turns as in a, b, b, a', () => {
    const { slices, go } = slicesAt()
    const depths = Array.from({ length: 8 }, (_, at) => {
      go(at * sliceMs)
      return slices.depth()
    })
    expect(depths).toEqual([1, 2, 2, 1, 1, 2, 2, 1])
  })

  it('compares neighbours, and counts neither the warm-up nor what a change of depth leaves behind', () => {
    const { slices, go } = slicesAt()
    for (let at = 0; at < WARM_UP + 5; at += 1) {
      const warm = at >= WARM_UP
      go(at * sliceMs + 1)
      slices.settled(0)
      slices.acknowledged(1e6)
      go(at * sliceMs + 50)
      const settled = warm ? 3 * slices.depth() : 1e6
      slices.settled(settled)
      for (let done = 0; done < 3 - slices.depth(); done += 1) slices.began()
      slices.acknowledged(warm ? 10 / slices.depth() : 1e6)
    }
    expect(slices.figures()).toEqual([
      {
        ...{ inFlight: 1, slices: 2, messagesPerSecond: 40, commitsPerSecond: 26.7 },
        ...{ ackP50: 10, ackP99: 10, serverMicrosPerMessage: 33_300 },
      },
      {
        ...{ inFlight: 2, slices: 2, messagesPerSecond: 80, commitsPerSecond: 13.3 },
        ...{ ackP50: 5, ackP99: 5, serverMicrosPerMessage: 16_700 },
      },
    ])
    expect(slices.ratios()).toEqual({
      messagesPerSecond: [2, 2, 2],
      commitsPerSecond: [0.5, 0.5, 0.5],
      ackP50: [0.5, 0.5, 0.5],
      ackP99: [0.5, 0.5, 0.5],
      serverMicrosPerMessage: [0.5, 0.5, 0.5],
    })
  })
})

describe('the time of the server', () => {
  it('leaves out the way of a commit that found it free, and the waiting of one that did not', () => {
    const free = createServerTime(2)
    for (let nth = 0; nth < 100; nth += 1) free.seen(nth * 100, nth * 100 + 12)
    expect(free.ms).toBeCloseTo(10, 3)
    const busy = createServerTime(2)
    for (let nth = 0; nth < 100; nth += 1) busy.seen(nth * 10, nth * 10 + 25)
    expect(busy.ms).toBeCloseTo(10, 3)
  })
})

describe('commits', () => {
  const commitsOf = (inTime: boolean) => {
    const clock = virtualClock()
    const begun: { readonly at: number; readonly answer: () => void }[] = []
    let waiting = 0
    let id = 0
    const commits = createCommits({
      commit: () =>
        new Promise((resolve) =>
          begun.push({ at: clock.monotonic(), answer: () => resolve({ accepted: [] }) }),
        ),
      take: () => {
        if (waiting === 0) return null
        waiting -= 1
        id += 1
        return batchOf(id, {})
      },
      depth: () => 2,
      done: () => commits.answered(),
      serverTime: { ms: 30, seen: () => undefined },
      inTime,
      clock,
    })
    const gather = async () => {
      waiting += 1
      commits.schedule()
      await clock.settle()
    }
    return { clock, commits, begun, gather }
  }

  it('are begun up to the depth, and the next when one is answered', async () => {
    const { clock, commits, begun, gather } = commitsOf(false)
    for (let nth = 0; nth < 3; nth += 1) await gather()
    expect([begun.length, commits.underWay]).toEqual([2, 2])
    begun[0]?.answer()
    await clock.settle()
    expect([begun.length, commits.underWay]).toEqual([3, 2])
  })

  it('wait, when they are to come in time, until the server is about to be done', async () => {
    const { clock, begun, gather } = commitsOf(true)
    for (let nth = 0; nth < 2; nth += 1) await gather()
    const [first] = begun
    await clock.advance(29)
    expect(begun).toHaveLength(1)
    await clock.advance(1)
    expect(begun.map(({ at }) => at - (first?.at ?? 0))).toEqual([0, 30])
  })

  it('wait no longer when the first is answered', async () => {
    const { clock, begun, gather } = commitsOf(true)
    for (let nth = 0; nth < 2; nth += 1) await gather()
    begun[0]?.answer()
    await clock.settle()
    expect(begun).toHaveLength(2)
  })
})
