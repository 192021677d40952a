import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

interface Mail {
  readonly to: string
}
const two = { max: 2, per: '1s' } as const

describe('throttle', () => {
  it('lets so many go on at once and gives each of the others a slot of its own to wait for', async () => {
    const around = world()
    const tested = begin<Mail>().throttle('gently', two)
    const stops: unknown[] = []
    for (const id of ['1', '2', '3', '4', '5']) {
      around.records.clear()
      stops.push((await run(tested, { to: 'ada' }, around, { id, now: 1_000 })).stop)
    }
    const waits = (wakeAt: number) => ({ kind: 'suspend', path: 'gently', wakeAt, hold: false, why: 'delay' })
    expect(stops).toEqual([undefined, undefined, waits(2_000), waits(2_000), waits(3_000)])
  })

  it('takes one slot per message, however often it is computed', async () => {
    const around = world()
    const tested = begin<Mail>().throttle('gently', { max: 1, per: '1s', hold: true })
    await run(tested, { to: 'ada' }, around)
    around.records.clear()
    await run(tested, { to: 'ada' }, around)
    await run(tested, { to: 'ada' }, around)
    expect(around.happened.pauses.map(({ untilMs, hold }) => [untilMs, hold])).toEqual([
      [2_000, true],
      [2_000, true],
    ])
  })

  it('has a budget for each key, and asks a function for the most', async () => {
    const around = world()
    const tested = begin<Mail>().throttle('gently', {
      max: ({ to }) => (to === 'ada' ? 2 : 1),
      per: '1m',
      key: ({ to }) => to,
    })
    const waiting: boolean[] = []
    for (const to of ['ada', 'bob', 'ada', 'bob', 'ada']) {
      around.records.clear()
      waiting.push((await run(tested, { to }, around)).stop !== undefined)
    }
    expect(waiting).toEqual([false, false, false, true, true])
    expect([...around.cells.keys()]).toEqual(['tested/gently|ada', 'tested/gently|bob'])
    expect(around.cells.get('tested/gently|bob')?.until).toBe(121_000)
  })

  it('with reject fails, takes no slot and records nothing, so that it can be sent again', async () => {
    const around = world()
    const tested = begin<Mail>().throttle('hard', { max: 1, per: '10s', reject: true })
    await run(tested, { to: 'ada' }, around)
    around.records.clear()
    const again = (now: number) => run(tested, { to: 'ada' }, around, { id: 'm-2', now })
    await expect(again(4_000)).rejects.toMatchObject({
      code: 'THROTTLED',
      retry: 'never',
      details: { path: 'hard', max: 1, perMs: 10_000, afterMs: 7_000 },
      message: expect.stringContaining('lets at most 1 per 10s go on'),
    })
    expect(around.records.size).toBe(0)
    expect((await again(11_000)).stop).toBeUndefined()
  })

  it('refuses what makes no sense', async () => {
    const steps = begin<Mail>()
    for (const max of [0, -1, 1.5, Number.NaN, undefined, '3'])
      expect(() => steps.throttle('x', { max: max as number, per: '1s' })).toThrow(
        /max is a whole number from 1/,
      )
    expect(() => steps.throttle('x', { max: 1 } as never)).toThrow(/per is a duration longer than 0/)
    expect(() => steps.throttle('x', { max: 1, per: 0 })).toThrow(/per is a duration longer than 0/)
    expect(() => steps.throttle('x', { ...two, reject: true, hold: true })).toThrow(/Leave hold out/)
    for (const max of [0, Number.NaN, undefined])
      await expect(
        run(steps.throttle('x', { max: () => max as number, per: '1s' }), { to: 'a' }),
      ).rejects.toMatchObject({ code: 'STEP_FAILED' })
    await expect(run(steps.throttle('x', { ...two, key: () => '' }), { to: 'a' })).rejects.toThrow(
      /not empty/,
    )
  })
})
