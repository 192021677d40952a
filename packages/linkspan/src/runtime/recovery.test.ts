import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { createWorld } from '../testing/test-world.ts'
import { virtualClock } from '../testing/virtual-clock.ts'

/** Engines one after the other that run messages of one key, in the order of their places. */
function ordered() {
  const put = fakeOperation<number>('shop.put', { kind: 'natural' })
  const clock = virtualClock()
  const moves = flow('moves')
    .from(inbox<number>(), { key: () => 'one' })
    .resequence('in order', { place: (n) => n, first: 1, timeout: '1h' })
    .to('put', put)
  const world = createWorld({ flows: [moves], clock, random: seededRandom(1) })
  return {
    put,
    world,
    begin: () => clock.during(world.begin()),
    /** Hands messages in one after the other, each when the one before has gone as far as it can. */
    async send(...places: readonly number[]): Promise<void> {
      for (const n of places) {
        await clock.during((world.life as NonNullable<typeof world.life>).runtime.send('moves', n))
        await clock.settle()
        await clock.advance(100)
      }
    },
    async die(times = 1): Promise<void> {
      for (let n = 0; n < times; n += 1) {
        world.kill()
        put.next('silent')
        await clock.during(world.begin())
        await clock.advance(100)
      }
      world.kill()
      await clock.during(world.begin())
      await clock.run(world.atRest)
    },
    effects: () => put.effects.map(({ input }) => input),
  }
}

describe('the order of a key after a crash', () => {
  for (const times of [0, 1, 2]) {
    const again = times === 0 ? '' : `, also when the engine dies ${times} more times`

    it(`is that of a sequence of places: who was going on goes first${again}`, async () => {
      const { put, begin, send, die, effects } = ordered()
      await begin()
      await send(2)
      put.next('silent')
      await send(1)
      await die(times)
      expect(effects()).toEqual([1, 2])
    })

    it(`is so where who was going on had waited itself${again}`, async () => {
      const { put, begin, send, die, effects } = ordered()
      await begin()
      await send(3, 2)
      put.next('ok', 'silent')
      await send(1)
      expect(effects()).toEqual([1])
      await die(times)
      expect(effects()).toEqual([1, 2, 3])
    })

    it(`is so where who was going on is to be tried again later${again}`, async () => {
      const { put, begin, send, die, effects } = ordered()
      await begin()
      await send(2)
      put.next({ retryAfter: '10m' })
      await send(1)
      await die(times)
      expect(effects()).toEqual([1, 2])
    })
  }

  it('lets a message that was half done come before one that is sent again', async () => {
    const first = fakeOperation<number>('shop.first', { kind: 'natural' })
    const second = fakeOperation<number>('shop.second', { kind: 'key', validFor: '1d' })
    const clock = virtualClock()
    const both = flow('both')
      .from(inbox<number>(), { key: () => 'one' })
      .to('first', first)
      .to('second', second)
    const world = createWorld({ flows: [both], clock, random: seededRandom(1) })
    const life = () => world.life as NonNullable<typeof world.life>
    const send = async (n: number) => {
      const { id } = await clock.during(life().runtime.send('both', n))
      await clock.advance(100)
      return id
    }
    await clock.during(world.begin())
    first.next({ rejected: 'no' })
    const id = await send(1)
    second.next('silent')
    await send(2)
    await clock.during(life().admin.redeliver({ ids: [id] }, { note: 'again' }))
    await clock.advance(100)
    expect(first.effects.map(({ input }) => input)).toEqual([2])
    world.kill()
    await clock.during(world.begin())
    await clock.run(world.atRest)
    expect(second.effects.map(({ input }) => input)).toEqual([2, 1])
    expect(first.effects.map(({ input }) => input)).toEqual([2, 1])
  })
})
