import { describe, expect, it } from 'vitest'
import { begin, run, type World, world } from './fixtures/pass-for-tests.ts'

interface Reading {
  readonly machine: string
}

/** Sends messages one after the other at these times, and tells which went on. */
async function send(
  tested: Parameters<typeof run>[0],
  around: World,
  readings: readonly (readonly [machine: string, now: number])[],
) {
  const passed: number[] = []
  for (const [at, [machine, now]] of readings.entries()) {
    around.records.clear()
    const { stop } = await run(tested, { machine }, around, { id: `m-${at}`, now })
    if (stop === undefined) passed.push(at)
    else expect(stop).toMatchObject({ ending: 'filtered' })
  }
  return passed
}

describe('sample', () => {
  it('lets every n-th message go on, and forgets the count when it is full', async () => {
    const around = world()
    const tested = begin<Reading>().sample('third', { every: 3 })
    const seven = Array.from({ length: 7 }, () => ['a', 1] as const)
    expect(await send(tested, around, seven)).toEqual([2, 5])
    expect(await send(tested, around, seven.slice(0, 2))).toEqual([1])
    expect(around.cells.size).toBe(0)
  })

  it('lets one go on and then none until the time has passed', async () => {
    const around = world()
    const tested = begin<Reading>().sample('per second', { per: '1s' })
    const at = [0, 999, 1_000, 1_001, 1_999, 2_500, 3_000, 3_500]
    expect(
      await send(
        tested,
        around,
        at.map((now) => ['a', now] as const),
      ),
    ).toEqual([0, 2, 5, 7])
    expect([...around.cells]).toEqual([['tested/per second|', { value: 3_500, until: 4_500 }]])
  })

  it('samples each key apart', async () => {
    const tested = begin<Reading>().sample('second', { every: 2, key: (r) => r.machine })
    const readings = [...'abbaab'].map((machine) => [machine, 1] as const)
    expect(await send(tested, world(), readings)).toEqual([2, 3])
  })

  it('answers from the record when the message is computed again', async () => {
    const around = world()
    const tested = begin<Reading>().sample('second', { every: 2 })
    expect((await run(tested, { machine: 'a' }, around)).stop).toMatchObject({ ending: 'filtered' })
    expect((await run(tested, { machine: 'a' }, around)).stop).toMatchObject({ ending: 'filtered' })
  })

  it('refuses what makes no sense', async () => {
    const steps = begin<Reading>()
    for (const every of [0, -1, 1.5, Number.NaN, '3'])
      expect(() => steps.sample('x', { every: every as number })).toThrow(/every is a whole number from 1/)
    expect(() => steps.sample('x', {} as never)).toThrow(/either every: 10 or per: '1m'/)
    expect(() => steps.sample('x', { every: 2, per: '1s' } as never)).toThrow(/Give one of the two/)
    expect(() => steps.sample('x', { per: 0 })).toThrow(/per is longer than 0/)
    expect(() => steps.sample('x', { per: '1 week' as never })).toThrow(/not a duration/)
    await expect(run(steps.sample('x', { every: 1, key: () => '' }), {})).rejects.toMatchObject({
      code: 'STEP_FAILED',
    })
  })
})
