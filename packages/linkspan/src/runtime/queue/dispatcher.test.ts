import { describe, expect, it } from 'vitest'
import { virtualClock } from '../../testing/virtual-clock.ts'
import { createDispatcher, type Dispatcher } from './dispatcher.ts'
import type { Work } from './work.ts'

const work = (seq: number): Work => ({
  seq,
  key: null,
  partition: 0,
  parent: null,
  bytes: 1,
  loaded: null,
  wakeAt: null,
  attempt: 0,
})

describe('a dispatcher', () => {
  it('starts passes that free their slot at once one after the other, not one in the other', async () => {
    const clock = virtualClock()
    let depth = 0
    let deepest = 0
    let started = 0
    const dispatcher: Dispatcher = createDispatcher({
      clock,
      concurrency: 4,
      execute(_work, slot) {
        started += 1
        depth += 1
        deepest = Math.max(deepest, depth)
        slot.release()
        depth -= 1
      },
      ended: () => undefined,
      urgent: { any: false, is: () => false },
      freed: () => dispatcher.dispatch(false),
    })
    for (let seq = 0; seq < 10_000; seq += 1) dispatcher.ready(work(seq))
    dispatcher.dispatch(false)
    await clock.run()
    expect(started).toBe(10_000)
    expect(deepest).toBe(1)
  })

  it('lets a pass take its slot again before others start, even while it is paused', async () => {
    const clock = virtualClock()
    const order: string[] = []
    let paused = false
    const dispatcher: Dispatcher = createDispatcher({
      clock,
      concurrency: 1,
      execute({ seq }, slot) {
        order.push(`start ${seq}`)
        if (seq > 1) return
        slot.release()
        void slot.regain().then(() => order.push(`again ${seq}`))
      },
      ended: () => undefined,
      urgent: { any: false, is: () => false },
      freed: () => dispatcher.dispatch(paused),
    })
    dispatcher.ready(work(1))
    paused = true
    dispatcher.dispatch(false)
    dispatcher.ready(work(2))
    dispatcher.dispatch(true)
    await clock.run()
    expect(order).toEqual(['start 1', 'again 1'])
    expect(dispatcher.active).toBe(1)
  })
})
