import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Item {
  readonly key: string
  readonly n: number
}
const store = () => fakeOperation<Item>('store.put', { kind: 'key', validFor: '1d' })

/** The most of these times in any stretch as long as this. */
function mostIn(times: readonly number[], ms: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + ms).length))
}

describe('a throttle', () => {
  it('keeps to its rate over crashes, and when it was away while the slots of many came and went', async () => {
    const put = store()
    const save = flow('save').from(inbox<Item>()).throttle('gently', { max: 3, per: '1m' }).to('put', put)
    await using engine = await rig([save])
    for (let n = 0; n < 12; n += 1) await engine.send(save, { key: 'a', n })
    await engine.advance('10s')
    engine.crash()
    await engine.start()
    for (let n = 12; n < 15; n += 1) await engine.send(save, { key: 'a', n })
    await engine.stop()
    await engine.advance('2h')
    await engine.start()
    await engine.send(save, { key: 'a', n: 15 })
    await engine.advance('1h')
    expect(await engine.states()).toEqual(Array.from({ length: 16 }, () => 'done'))
    const times = put.effects.map(({ at }) => at)
    expect(mostIn(times, 60_000)).toBe(3)
    expect((times.at(-1) as number) - (times[3] as number)).toBeLessThanOrEqual(4 * 60_000)
  })

  it('keeps to its rate in every stretch of its period, and lets no two messages take one slot', async () => {
    const put = store()
    const save = flow('save').from(inbox<Item>()).throttle('gently', { max: 4, per: '10s' }).to('put', put)
    await using engine = await rig([save])
    const sends = Array.from({ length: 30 }, (_, n) => engine.engine.send(save, { key: 'a', n }))
    await engine.during(Promise.all(sends))
    await engine.advance('35s')
    engine.crash()
    await engine.start()
    await engine.advance('10m')
    const times = put.effects.map(({ at }) => at)
    expect(times).toHaveLength(30)
    // What the simulated calls take comes on top of the slots, which alone are a period apart.
    expect(mostIn(times, 9_000)).toBe(4)
    expect((times.at(-1) as number) - (times[0] as number)).toBeLessThan(80_000)
  })

  it('that rejects makes dead letters with THROTTLED, which go through when they are sent again later', async () => {
    const put = store()
    const save = flow('save')
      .from(inbox<Item>())
      .throttle('hard', { max: 1, per: '1m', key: (item) => item.key, reject: true })
      .to('put', put)
    await using engine = await rig([save])
    const ids: string[] = []
    for (const [n, key] of ['a', 'a', 'b'].entries()) ids.push((await engine.send(save, { key, n })).id)
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'dead', 'done'])
    expect((await engine.message(ids[1] as string)).error?.code).toBe('THROTTLED')
    await engine.advance('1m')
    await engine.during(engine.admin.redeliver({ ids: [ids[1] as string] }, { note: 'again' }))
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'done', 'done'])
  })

  it('is shown with its wait by the trace', async () => {
    const save = flow('save').from(inbox<Item>()).throttle('gently', { max: 1, per: '1m' })
    await using engine = await rig([save])
    await engine.send(save, { key: 'a', n: 1 })
    const { id } = await engine.send(save, { key: 'a', n: 2 })
    await engine.advance('1s')
    const { message, steps } = await engine.trace(id)
    expect(message).toMatchObject({ state: 'waiting', reason: 'delay' })
    expect(steps).toMatchObject([{ path: 'gently', kind: 'throttle', outcome: 'waiting' }])
  })
})

describe('sampling', () => {
  it('by time goes on over a restart', async () => {
    const put = store()
    const some = flow('some').from(inbox<Item>()).sample('one', { per: '1m' }).to('put', put)
    await using engine = await rig([some])
    await engine.send(some, { key: 'a', n: 1 })
    await engine.advance('30s')
    engine.crash()
    await engine.start()
    await engine.send(some, { key: 'a', n: 2 })
    await engine.advance('31s')
    await engine.send(some, { key: 'a', n: 3 })
    await engine.advance('1s')
    expect(put.effects.map(({ input }) => input.n)).toEqual([1, 3])
    expect(await engine.states()).toEqual(['done', 'filtered', 'done'])
  })
})

describe('a dedupe', () => {
  const failing = (remember: 'unlessFailed' | 'done') => {
    const put = store()
    put.next({ rejected: 'not today' })
    const save = flow('save')
      .from(inbox<Item>())
      .dedupe('once', { by: (item) => item.key, remember })
      .delay('work', '1m')
      .to('put', put)
    return { put, save }
  }

  it.each(['unlessFailed', 'done'] as const)(
    'that remembers %s forgets one that failed',
    async (remember) => {
      const { put, save } = failing(remember)
      await using engine = await rig([save])
      for (const n of [1, 2, 3]) {
        await engine.send(save, { key: 'a', n })
        await engine.advance('2m')
        engine.crash()
        await engine.start()
      }
      expect(await engine.states()).toEqual(['dead', 'done', 'filtered'])
      expect(put.effects.map(({ input }) => input.n)).toEqual([2])
    },
  )

  it('counts one that is under way only when it remembers unlessFailed', async () => {
    for (const remember of ['unlessFailed', 'done'] as const) {
      const { save } = failing(remember)
      await using engine = await rig([save])
      for (const n of [1, 2]) await engine.send(save, { key: 'a', n })
      await engine.advance('2m')
      expect(await engine.states()).toEqual(remember === 'done' ? ['dead', 'done'] : ['dead', 'filtered'])
    }
  })
})
