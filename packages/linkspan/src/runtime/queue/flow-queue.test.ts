import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BacklogEntry, BacklogReader, Wait } from '../../journal/journal.ts'
import type { FlowSettings } from '../../model/flow-definition.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { type VirtualClock, virtualClock } from '../../testing/virtual-clock.ts'
import { createFlowQueue, type FlowQueue } from './flow-queue.ts'
import type { PassEnd, Work } from './work.ts'

/** A journal's waits and the passes over them, small enough to be sure of. */
interface World {
  readonly clock: VirtualClock
  readonly queue: FlowQueue
  readonly started: { seq: number; key: string | null }[]
  readonly ended: number[]
  readonly suspended: Map<number, number>
  mostResident: number
  mostActive: number
  accept(key: string | null): number
}

interface WorldOptions {
  readonly settings?: Partial<FlowSettings>
  /** How the n-th pass of a message ends. */
  readonly outcome: (seq: number, pass: number) => PassEnd | 'never'
  readonly durationMs?: (seq: number) => number
  /** What waits in the journal from the beginning. */
  readonly waiting?: readonly Partial<BacklogEntry>[]
}

const READY: Omit<BacklogEntry, 'seq'> = {
  flow: 'f',
  key: null,
  reason: 'ready',
  wakeAt: null,
  hold: false,
  parent: null,
  attempt: 0,
  bytes: 10,
  partition: 0,
}

const SETTINGS: FlowSettings = {
  concurrency: 4,
  window: 20,
  windowBytes: 1_000_000,
  timeLimitMs: null,
  dedupeForMs: 1,
}

function createWorld({ settings, outcome, durationMs = () => 1, waiting = [] }: WorldOptions): World {
  const clock = virtualClock({ start: 0 })
  const waits = new Map(waiting.map((row, at) => [at + 1, { ...READY, ...row, seq: at + 1 }]))
  const passes = new Map<number, number>()
  let last = waits.size
  let committed = last
  const rows = (fits: (wait: Wait) => boolean, limit: number): BacklogEntry[] =>
    [...waits.values()]
      .filter(fits)
      .sort((a, b) => a.seq - b.seq)
      .slice(0, limit)
  const later = <T>(value: () => T): Promise<T> =>
    new Promise((resolve) => clock.defer(() => resolve(value())))
  const visible = (wait: Wait): boolean => wait.parent === null && (wait.reason === 'ready' || wait.hold)
  const backlog: BacklogReader = {
    unsettled: async () => [],
    page: (_flow, after, limit) => later(() => rows((wait) => visible(wait) && wait.seq > after, limit)),
    pageOfKey: (_flow, key, after, upTo, limit) =>
      later(() =>
        rows((wait) => visible(wait) && wait.key === key && wait.seq > after && wait.seq <= upTo, limit),
      ),
    pageOfHolders: (_flow, after, limit) =>
      later(() => rows((wait) => visible(wait) && wait.hold && wait.seq > after, limit)),
    pageOfParent: async () => [],
    due: (_flow, at, limit) =>
      later(() =>
        rows((wait) => wait.wakeAt !== null && wait.wakeAt <= at, 1e9)
          .sort((a, b) => (a.wakeAt ?? 0) - (b.wakeAt ?? 0))
          .slice(0, limit),
      ),
    nextDue: () =>
      later(() =>
        rows((wait) => wait.wakeAt !== null, 1e9).reduce<number | null>(
          (least, { wakeAt }) => (least === null || (wakeAt ?? 0) < least ? wakeAt : least),
          null,
        ),
      ),
    count: async () => [],
    held: async () => [],
  }
  const world = {
    clock,
    started: [],
    ended: [],
    suspended: new Map(),
    mostResident: 0,
    mostActive: 0,
  } as unknown as World
  const execute = (work: Work, slot: { release(): void }, ended: (end: PassEnd) => void): void => {
    const pass = (passes.get(work.seq) ?? 0) + 1
    passes.set(work.seq, pass)
    world.started.push({ seq: work.seq, key: work.key })
    world.mostActive = Math.max(world.mostActive, queue.active)
    world.mostResident = Math.max(world.mostResident, queue.resident)
    const end = outcome(work.seq, pass)
    if (end === 'never') return
    clock.timer(durationMs(work.seq), () => {
      slot.release()
      clock.defer(() => {
        waits.delete(work.seq)
        if (end.kind === 'suspended')
          waits.set(work.seq, {
            ...READY,
            seq: work.seq,
            key: work.key,
            reason: 'retry',
            wakeAt: end.wakeAt,
            hold: end.hold,
            attempt: 1,
          })
        else world.ended.push(work.seq)
        ended(end)
      })
    })
  }
  const queue = createFlowQueue({
    flow: 'f',
    settings: { ...SETTINGS, ...settings },
    backlog,
    clock,
    owns: () => true,
    flushed: () => later(() => undefined),
    lastSeq: () => committed,
    execute,
    wake: (wait, then) =>
      clock.defer(() => {
        waits.set(wait.seq, { ...wait, bytes: 10, partition: 0 })
        then()
      }),
    store: (work, then) =>
      clock.defer(() => {
        waits.set(work.seq, waits.get(work.seq) ?? { ...READY, seq: work.seq, key: work.key })
        then()
      }),
    beginning: () => later(() => undefined),
    parentIsHere: () => false,
    onError: (error) => {
      throw error
    },
  })
  const accept = (key: string | null): number => {
    last += 1
    const seq = last
    const decision = queue.reserve(key, 10)
    clock.defer(() => {
      committed = seq
      if (decision === 'journal') {
        waits.set(seq, { ...READY, seq, key })
        queue.stored(key)
      } else
        queue.arrived({
          seq,
          key,
          partition: 0,
          parent: null,
          bytes: 10,
          loaded: null,
          wakeAt: null,
          attempt: 0,
        })
    })
    return seq
  }
  queue.start()
  return Object.assign(world, { queue, accept })
}

const ENDED: PassEnd = { kind: 'ended' }

/** The order in which the messages of a key had their last pass, as far as it matters: each after those before it. */
function lastStarts(world: World, key: string): number[] {
  const seqs = world.started.filter((start) => start.key === key).map(({ seq }) => seq)
  return [...new Set(seqs.reverse())].reverse()
}

describe('a flow queue', () => {
  it('runs the messages of a key one after the other, in the order of acceptance', async () => {
    const world = createWorld({ outcome: () => ENDED, durationMs: (seq) => 10 - seq })
    for (let n = 0; n < 6; n += 1) world.accept('a')
    await world.clock.run()
    expect(world.started.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
    expect(world.ended).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('runs different keys, and messages without one, at the same time, up to the concurrency', async () => {
    const world = createWorld({ outcome: () => ENDED })
    for (const key of ['a', 'b', null, null, 'c', null]) world.accept(key)
    await world.clock.run()
    expect(world.ended).toHaveLength(6)
    expect(world.mostActive).toBe(4)
  })

  it('lets others have a turn after some passes: what is accepted meanwhile does not wait for all', async () => {
    const world = createWorld({ outcome: () => ENDED, settings: { concurrency: 100, window: 100 } })
    const startedAtTurn: number[] = []
    const turn = (): void => {
      startedAtTurn.push(world.started.length)
      if (world.started.length < 80) world.clock.defer(turn)
    }
    await world.clock.advance(1)
    for (let n = 0; n < 80; n += 1) world.accept(null)
    world.clock.defer(turn)
    await world.clock.run()
    const perTurn = startedAtTurn.map((count, at) => count - (startedAtTurn[at - 1] ?? 0))
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(20)
    expect(perTurn.filter((count) => count > 0).length).toBeGreaterThan(4)
    expect(world.ended).toHaveLength(80)
  })

  it('lets a failing message hold its own key only', async () => {
    const world = createWorld({
      outcome: (seq, pass) =>
        seq === 1 && pass === 1 ? { kind: 'suspended', wakeAt: 60_000, hold: true, attempt: 1 } : ENDED,
    })
    for (const key of ['a', 'a', 'b', 'b']) world.accept(key)
    await world.clock.advance('1s')
    expect(world.ended).toEqual([3, 4])
    expect(world.queue.holder('a')).toBe(1)
    await world.clock.run()
    expect(world.ended).toEqual([3, 4, 1, 2])
  })

  it('begins anew with a message of which nothing came, before the next of its key', async () => {
    const world = createWorld({
      outcome: (seq, pass) => (seq === 1 && pass < 4 ? { kind: 'unstarted' } : ENDED),
    })
    for (const key of ['a', 'a', 'b']) world.accept(key)
    await world.clock.run()
    expect(world.ended.filter((seq) => seq !== 3)).toEqual([1, 1, 1, 1, 2])
    expect(world.queue.active).toBe(0)
  })

  it('frees the key of a message that suspends without holding it', async () => {
    const world = createWorld({
      outcome: (seq, pass) =>
        seq === 1 && pass === 1 ? { kind: 'suspended', wakeAt: 60_000, hold: false, attempt: 1 } : ENDED,
    })
    world.accept('a')
    world.accept('a')
    await world.clock.run()
    expect(world.ended).toEqual([2, 1])
  })

  it('lets what holds its key go first, wherever it lies in the journal', async () => {
    const key = 'a'
    const others = Array.from({ length: 600 }, () => ({}))
    const world = createWorld({
      outcome: () => ENDED,
      waiting: [
        { key },
        { key: 'b' },
        ...others,
        { key, hold: true },
        { key },
        { key: 'b', hold: true, reason: 'retry', wakeAt: 5_000 },
      ],
    })
    await world.clock.advance('1s')
    expect(lastStarts(world, 'a')).toEqual([603, 1, 604])
    expect(lastStarts(world, 'b')).toEqual([])
    expect(world.queue.holder('b')).toBe(605)
    await world.clock.run()
    expect(lastStarts(world, 'b')).toEqual([605, 2])
    expect(world.ended).toHaveLength(605)
  })

  it('takes on no more of those that hold their keys than there is room for', async () => {
    const holding = Array.from({ length: 700 }, (_, n) => ({ key: `k${n}`, hold: true }))
    const world = createWorld({
      outcome: () => ENDED,
      settings: { window: 10 },
      waiting: [{ key: 'k699' }, ...holding],
    })
    await world.clock.run()
    expect(world.ended).toHaveLength(701)
    expect(world.mostResident).toBeLessThanOrEqual(10)
    expect(lastStarts(world, 'k699')).toEqual([701, 1])
  })

  it('keeps no more than its window in memory; the rest waits in the journal and keeps its order', async () => {
    const world = createWorld({ outcome: () => ENDED, durationMs: () => 50, settings: { window: 10 } })
    for (let n = 0; n < 2_000; n += 1) world.accept(`k${n % 7}`)
    await world.clock.run()
    expect(world.ended).toHaveLength(2_000)
    expect(world.mostResident).toBeLessThanOrEqual(10)
    for (let k = 0; k < 7; k += 1) {
      const starts = lastStarts(world, `k${k}`)
      expect(starts).toEqual([...starts].sort((a, b) => a - b))
    }
  })

  it('does not let a key with a long backlog keep other keys waiting', async () => {
    const world = createWorld({ outcome: (seq) => (seq === 1 ? 'never' : ENDED), settings: { window: 100 } })
    for (let n = 0; n < 1_000; n += 1) world.accept('stuck')
    for (let n = 0; n < 20; n += 1) world.accept('other')
    await world.clock.advance('10s')
    expect(world.ended).toHaveLength(20)
  })

  it('is not filled up by what waits behind failing messages', async () => {
    const world = createWorld({
      settings: { window: 100 },
      outcome: (seq, pass) =>
        seq <= 40 && pass === 1 ? { kind: 'suspended', wakeAt: 3_600_000, hold: true, attempt: 1 } : ENDED,
    })
    for (let n = 0; n < 2_000; n += 1) world.accept(`failing ${n % 40}`)
    for (let n = 0; n < 20; n += 1) world.accept('other')
    await world.clock.advance('10s')
    expect(world.ended).toHaveLength(20)
    await world.clock.run()
    expect(world.ended).toHaveLength(2_020)
    for (let k = 0; k < 40; k += 1) {
      const seqs = world.ended.filter((seq) => seq <= 2_000 && (seq - 1) % 40 === k)
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    }
  })

  it('starts nothing while it is paused, and everything after', async () => {
    const world = createWorld({ outcome: () => ENDED })
    world.queue.pause()
    for (let n = 0; n < 30; n += 1) world.accept(n % 2 ? 'a' : null)
    await world.clock.advance('1m')
    expect(world.started).toEqual([])
    world.queue.resume()
    await world.clock.run()
    expect(world.ended).toHaveLength(30)
  })

  it('ends every message once and in the order of its key, whatever happens', async () => {
    const scenario = fc.record({
      seed: fc.integer(),
      window: fc.integer({ min: 1, max: 40 }),
      concurrency: fc.integer({ min: 1, max: 8 }),
      keys: fc.integer({ min: 1, max: 6 }),
      count: fc.integer({ min: 1, max: 300 }),
      holding: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ seed, window, concurrency, keys, count, holding }) => {
        const random = seededRandom(seed)
        const chance = (share: number): boolean => random.next() < share
        const world = createWorld({
          settings: { window, concurrency },
          durationMs: () => Math.floor(random.next() * 20),
          outcome: (_seq, pass) =>
            pass < 4 && chance(0.2)
              ? {
                  kind: 'suspended',
                  wakeAt: world.clock.now() + Math.floor(random.next() * 500),
                  hold: holding,
                  attempt: pass,
                }
              : ENDED,
        })
        for (let n = 0; n < count; n += 1) {
          world.accept(chance(0.15) ? null : `k${Math.floor(random.next() * keys)}`)
          if (chance(0.1)) await world.clock.advance(Math.floor(random.next() * 100))
        }
        await world.clock.run()
        expect([...world.ended].sort((a, b) => a - b)).toEqual(
          Array.from({ length: count }, (_, at) => at + 1),
        )
        expect(world.mostActive).toBeLessThanOrEqual(concurrency)
        expect(world.queue.active + world.queue.resident + world.queue.held).toBe(0)
        if (!holding) return
        for (let k = 0; k < keys; k += 1) {
          const seqs = world.ended.filter((seq) =>
            world.started.some((start) => start.seq === seq && start.key === `k${k}`),
          )
          expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
        }
      }),
      { numRuns: 300 },
    )
  })
})
