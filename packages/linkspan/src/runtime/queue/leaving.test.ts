import { describe, expect, it } from 'vitest'
import type { BacklogReader } from '../../journal/journal.ts'
import { LinkspanError } from '../../model/errors.ts'
import { virtualClock } from '../../testing/virtual-clock.ts'
import type { Loaded } from '../loaded.ts'
import { createFlowQueue, type FlowQueueOptions } from './flow-queue.ts'
import type { PassEnd, Slot, Work } from './work.ts'

const empty = {
  page: async () => [],
  pageOfKey: async () => [],
  pageOfHolders: async () => [],
  pageOfParent: async () => [],
  due: async () => [],
  nextDue: async () => null,
} as Partial<BacklogReader> as BacklogReader

const message = (seq: number, given: Partial<Work> = {}): Work => ({
  seq,
  key: 'k',
  partition: 1,
  parent: null,
  bytes: 1,
  loaded: {} as Loaded,
  wakeAt: null,
  attempt: 0,
  ...given,
})

/** A queue on an empty journal, whose passes end when they are told to. */
function createWorld(given: Partial<FlowQueueOptions> = {}) {
  const clock = virtualClock({ start: 0 })
  const running = new Map<number, { slot: Slot; end: (end: PassEnd) => void }>()
  const started: number[] = []
  const stored: number[] = []
  const parents = new Set<number>()
  const queue = createFlowQueue({
    flow: 'f',
    settings: { concurrency: 4, window: 20, windowBytes: 1_000, timeLimitMs: null, dedupeForMs: 1 },
    backlog: empty,
    clock,
    owns: () => true,
    flushed: async () => undefined,
    lastSeq: () => 0,
    execute(work, slot, ended) {
      started.push(work.seq)
      running.set(work.seq, {
        slot,
        end(end) {
          slot.release()
          ended(end)
        },
      })
    },
    wake: (_wait, then) => then(),
    store(work, then) {
      stored.push(work.seq)
      clock.defer(then)
    },
    beginning: async () => undefined,
    parentIsHere: (seq) => parents.has(seq),
    onError: (error) => {
      throw error
    },
    ...given,
  })
  queue.start()
  const leave = (): { left: () => unknown } => {
    let outcome: unknown = 'under way'
    queue.leave([1]).then(
      () => {
        outcome = 'left'
      },
      (error: unknown) => {
        outcome = error
      },
    )
    return { left: () => outcome }
  }
  const finish = (seq: number): void => running.get(seq)?.end({ kind: 'ended' })
  return { clock, queue, running, started, stored, parents, leave, finish }
}

describe('leaving partitions', () => {
  it('waits for what runs, gives back what has not started, and takes on other partitions', async () => {
    const { clock, queue, started, stored, leave, finish } = createWorld()
    await clock.settle()
    for (const seq of [1, 2]) {
      expect(queue.reserve('k', 1)).toBe('direct')
      queue.arrived(message(seq))
    }
    await clock.settle()
    const { left } = leave()
    await clock.settle()
    expect([started, stored, left()]).toEqual([[1], [2], 'under way'])
    queue.reserve('other', 1)
    queue.arrived(message(3, { key: 'other', partition: 2 }))
    finish(1)
    await clock.settle()
    expect([started, left()]).toEqual([[1, 3], 'left'])
  })

  it('gives back what was on its way in', async () => {
    const flush = Promise.withResolvers<void>()
    const { clock, queue, started, stored, leave } = createWorld({ flushed: () => flush.promise })
    await clock.settle()
    queue.reserve('k', 1)
    const { left } = leave()
    queue.arrived(message(1))
    await clock.settle()
    expect([started, stored, left()]).toEqual([[], [1], 'under way'])
    flush.resolve()
    await clock.settle()
    expect(left()).toBe('left')
  })

  it('lets the children of a running parent run, even while the flow is paused, and no others', async () => {
    const { clock, queue, running, started, stored, parents, leave, finish } = createWorld()
    await clock.settle()
    queue.reserve('k', 1)
    queue.arrived(message(1))
    await clock.settle()
    parents.add(1)
    running.get(1)?.slot.release()
    queue.pause()
    const { left } = leave()
    queue.child(message(2, { key: null, parent: 1 }))
    queue.child(message(3, { key: null, parent: 1, partition: 2 }))
    queue.child(message(4, { key: null }))
    await clock.settle()
    expect([started, stored]).toEqual([[1, 2], [4]])
    parents.delete(1)
    finish(2)
    await clock.settle()
    expect(left()).toBe('under way')
    finish(1)
    await clock.settle()
    expect(left()).toBe('left')
  })

  it('is given up when the queue is stopped, and refused afterwards', async () => {
    const { clock, queue, leave } = createWorld()
    await clock.settle()
    queue.reserve('k', 1)
    queue.arrived(message(1))
    await clock.settle()
    const before = leave()
    await clock.settle()
    queue.stop()
    const after = leave()
    await clock.settle()
    expect(before.left()).toMatchObject({ code: 'ENGINE_STATE' })
    expect(after.left()).toMatchObject({ code: 'ENGINE_STATE' })
  })

  it('is given up when the journal fails', async () => {
    const failure = new LinkspanError('JOURNAL_TAKEN_OVER', 'Taken over.')
    const { clock, leave } = createWorld({ flushed: () => Promise.reject(failure) })
    const { left } = leave()
    await clock.settle()
    expect(left()).toBe(failure)
  })
})

describe('a message that comes behind', () => {
  it('is not overtaken by one of its key that was on its way in after it', async () => {
    const { clock, queue, started, stored } = createWorld()
    await clock.settle()
    queue.reserve('k', 1)
    queue.reserve('k', 1)
    queue.behind(6, 'k', 1)
    queue.arrived(message(7))
    await clock.settle()
    expect([started, stored]).toEqual([[], [7]])
  })
})

describe('a message that holds its key, and whose wait is damaged meanwhile', () => {
  it('lets its key move on when it has ended', async () => {
    const row = {
      seq: 1,
      flow: 'f',
      key: null,
      reason: 'ready',
      wakeAt: null,
      hold: false,
      parent: null,
      attempt: 0,
      partition: 1,
      bytes: 0,
      damaged: true,
    } as const
    let isDue = true
    const { clock, queue, running, started, finish } = createWorld({
      backlog: { ...empty, due: async () => (isDue ? [row] : []) },
    })
    await clock.settle()
    for (const seq of [1, 2]) {
      queue.reserve('k', 1)
      queue.arrived(message(seq))
    }
    await clock.settle()
    running.get(1)?.end({ kind: 'suspended', wakeAt: 10, hold: true, attempt: 1 })
    await clock.advance(20)
    expect(started).toEqual([1, 1])
    isDue = false
    finish(1)
    await clock.settle()
    expect(started).toEqual([1, 1, 2])
    expect(queue.held).toBe(0)
  })
})
