import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { batch, ending, newMessage } from '../../testing/journal-suite/harness.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import type { HistoryQuery } from '../journal.ts'
import { freshEnvironment } from './fixtures/rig.ts'
import { openStore } from './owning-store.ts'
import type { Store } from './store.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const SCAN = 100
const opened: (() => void)[] = []
afterAll(() => {
  for (const close of opened) close()
})

/** A store whose message at place `n + 1` was accepted at the n-th time; each tenth is a dead letter. */
function storeOf(times: readonly number[]): Store {
  const { environment, remove } = freshEnvironment()
  const store = openStore(
    {
      path: join(environment.directory, 'hub.db'),
      readOnly: false,
      acceptLoss: false,
      checkpointPages: 1_000,
      cacheBytes: 2 ** 20,
    },
    { logger: environment.logger },
  )
  store.commit(batch(1, { accept: times.map((acceptedAt) => newMessage({ acceptedAt })) }), 0)
  const all = times.map((_, n) => ending(n + 1, { ending: n % 10 === 0 ? 'dead' : 'done' }))
  store.commit(batch(2, { settle: all, lowWater: times.length + 1 }), 0)
  opened.push(() => {
    store.close(false)
    remove()
  })
  return store
}

/** What a query finds, and how many stretches it looked through for that. */
function lookThrough(
  store: Store,
  query: Omit<HistoryQuery, 'limit'>,
): { found: number[]; stretches: number } {
  const found: number[] = []
  let stretches = 0
  for (let beyond: number | null = null; ; ) {
    const { seqs, next } = store.look({ ...query, limit: 1 }, beyond, SCAN)
    stretches += 1
    found.push(...seqs)
    if (next === null) return { found, stretches }
    beyond = next
  }
}

/** What it should find. */
function expected(
  times: readonly number[],
  { since, until, order, endings }: Omit<HistoryQuery, 'limit'>,
): number[] {
  const found = times.flatMap((time, n) =>
    (since === undefined || time >= since) &&
    (until === undefined || time < until) &&
    (endings === undefined || n % 10 === 0)
      ? [n + 1]
      : [],
  )
  return order === 'oldest' ? found : found.reverse()
}

/** All ways to ask for a span of time. */
function queries(since: number, until: number): readonly Omit<HistoryQuery, 'limit'>[] {
  return [{ since }, { until }, { since, until }].flatMap((span) =>
    (['newest', 'oldest'] as const).flatMap((order) => [
      { ...span, order },
      { ...span, order, endings: ['dead'] as const },
    ]),
  )
}

describe('asking by the time of acceptance', () => {
  const COUNT = 20_000
  const steady = Array.from({ length: COUNT }, (_, n) => n * 1_000)

  test('looks through little more than what it finds, from both sides', () => {
    const store = storeOf(steady)
    const since = 10_000 * 1_000
    const until = since + MINUTE
    for (const order of ['newest', 'oldest'] as const) {
      const { found, stretches } = lookThrough(store, { since, until, order })
      expect(found).toEqual(expected(steady, { since, until, order }))
      // Sixty messages are found, and twice five minutes of one a second lie around them.
      expect(stretches).toBeLessThan(10)
    }
    const last = lookThrough(store, { since: (COUNT - 5) * 1_000 })
    expect(last.found).toHaveLength(5)
    expect(last.stretches).toBeLessThan(6)
    const first = lookThrough(store, { until: 5_000, order: 'oldest' })
    expect(first.found).toHaveLength(5)
    expect(first.stretches).toBeLessThan(6)
  })

  test('finds exactly what was accepted then, though places and times are minutes out of step', () => {
    const random = seededRandom(seed)
    let time = DAY
    const times = Array.from({ length: 5_000 }, () => {
      time += random.next() < 0.001 ? -2 * MINUTE * random.next() : random.next() < 0.002 ? DAY : 900
      return Math.round(time - random.next() * 2 * MINUTE)
    })
    const store = storeOf(times)
    for (let round = 0; round < 30; round++) {
      const since = times[Math.floor(random.next() * times.length)] as number
      const until = since + Math.floor(random.next() * 60 * MINUTE)
      for (const query of queries(since, until))
        expect(lookThrough(store, query).found, `seed ${seed}: ${JSON.stringify(query)}`).toEqual(
          expected(times, query),
        )
    }
  })

  test('looks through everything where the clock was set back by hours', () => {
    const ahead = Array.from({ length: 2_000 }, (_, n) => DAY + n * 1_000)
    const right = Array.from({ length: 2_000 }, (_, n) => n * 1_000)
    const times = [...ahead, ...right]
    const store = storeOf(times)
    for (const at of [100, DAY + 100])
      for (const query of queries(at, at + MINUTE))
        expect(lookThrough(store, query).found, JSON.stringify(query)).toEqual(expected(times, query))
  })

  test('holds for a journal that is empty, or has forgotten most', () => {
    for (const query of queries(0, MINUTE)) expect(lookThrough(storeOf([]), query).found).toEqual([])
    const store = storeOf(steady.slice(0, 3_000))
    while (store.prune(1e15, 1e15, 1e15, 500) > 0);
    store.commit(batch(3, { accept: [newMessage({ acceptedAt: DAY })] }), 0)
    for (const query of queries(DAY, DAY + 1))
      if (query.endings === undefined && query.since !== undefined)
        expect(lookThrough(store, query)).toEqual({ found: [3_001], stretches: 1 })
  })
})
