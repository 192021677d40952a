import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { never } from '../testing/fake-outcome.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { testFlow } from '../testing/test-flow.ts'
import { createWorld } from '../testing/test-world.ts'
import { virtualClock } from '../testing/virtual-clock.ts'

describe('taking up the backlog', () => {
  it('finds what is accepted while it is told how far the backlog is begun with', async () => {
    const copy = flow('copy').from(inbox<number>()).delay('a while', '1m', { hold: true })
    const flows = await testFlow(copy)
    await flows.send(1)
    flows.crash()
    await flows.restart()
    await flows.send(2)
    await flows.run()
    expect((await flows.messages()).map(({ state }) => state)).toEqual(['done', 'done'])
  })

  it('keeps the order of a key whose first message is due again before the backlog is read', async () => {
    const put = fakeOperation<number>('shop.put', { kind: 'natural' })
    const clock = virtualClock()
    let slow = true
    const world = createWorld({
      flows: [
        flow('puts')
          .from(inbox<number>(), { key: () => 'one' })
          .to('put', put),
      ],
      clock,
      random: seededRandom(1),
      probe: {
        commit: ({ cursors }) =>
          slow && cursors.some(({ name }) => name.startsWith('begun:')) ? 'unreachable-before' : 'ok',
        call: (leaving) => leaving.pass(),
        question: never,
        timer: () => undefined,
      },
    })
    const send = (n: number) =>
      clock.during((world.life as NonNullable<typeof world.life>).runtime.send('puts', n))
    await clock.during(world.begin())
    put.next({ retryAfter: '10s' })
    await send(1)
    await send(2)
    await clock.settle()
    world.kill()
    await clock.advance('20s')
    await clock.during(world.begin())
    await clock.advance('1s')
    slow = false
    await clock.run(world.atRest)
    expect(put.effects.map(({ input }) => input)).toEqual([1, 2])
  })
})
