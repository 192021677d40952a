import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const START = 1_000

describe('delay', () => {
  it("waits for a length of time from the message's own time", async () => {
    const around = world()
    const { stop } = await run(begin<null>().delay('cool', '5m'), null, around, { now: START })
    expect(stop).toEqual({
      kind: 'suspend',
      path: 'cool',
      wakeAt: START + 300_000,
      hold: false,
      why: 'delay',
    })
  })

  it('waits as long as, or until when, a function says', async () => {
    const until = async (wait: '2s' | 250 | Date) =>
      (
        await run(
          begin<null>().delay('wait', () => wait, { hold: true }),
          null,
          world(),
          { now: START },
        )
      ).stop
    expect(await until('2s')).toMatchObject({ wakeAt: START + 2_000, hold: true, why: 'delay' })
    expect(await until(250)).toMatchObject({ wakeAt: START + 250 })
    expect(await until(new Date(9_000))).toMatchObject({ wakeAt: 9_000 })
  })

  it('does not wait for a time that is past', async () => {
    const around = world()
    const { stop } = await run(
      begin<null>().delay('wait', () => new Date(START)),
      null,
      around,
      { now: START },
    )
    expect(stop).toBeUndefined()
    expect(around.happened.pauses).toEqual([])
  })

  it('refuses other things', async () => {
    expect(() => begin().delay('wait', 'soon' as never)).toThrow(/"soon" is not a duration/)
    expect(() => begin().delay('wait', undefined as never)).toThrow(/a delay is a duration such as "5m"/)
    const wrong = (given: unknown) =>
      run(
        begin<null>().delay('wait', () => given as never),
        null,
      )
    await expect(wrong(new Date('never'))).rejects.toThrow(/answered an invalid Date/)
    await expect(wrong('soon')).rejects.toMatchObject({ code: 'STEP_FAILED' })
    await expect(wrong(Promise.resolve('1s'))).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })
})
