import { describe, expect, it } from 'vitest'
import { event } from '../flow/event.ts'
import type { Flow } from './steps.ts'
import { begin, run, type World, world } from './fixtures/pass-for-tests.ts'
import { CONTROL_STEP, type ControlOrder } from './control.ts'

/** No builder makes the step, so it takes the place of another. */
const built = begin<ControlOrder>()
const controlled: Flow = {
  ...built,
  definition: { ...built.definition, steps: [CONTROL_STEP] },
  code: new Map(),
}

const ask = (order: ControlOrder, around: World, id = 'c-1') =>
  run(controlled, order, { ...around, records: new Map() }, { id })

describe('control', () => {
  it('raises an event for who waits, or for who comes', async () => {
    const paid = event<{ amount: number }>('paid')
    const waiting = begin<{ invoice: string }>().waitFor('payment', paid, { key: ({ invoice }) => invoice })
    const around = world()
    const look = (id: string) => run(waiting, { invoice: 'i1' }, { ...around, records: new Map() }, { id })
    expect((await look('m-1')).stop).toMatchObject({ kind: 'suspend' })
    const order = { do: 'raise', event: 'paid', key: 'i1', value: { amount: 7 }, keepMs: 1_000 } as const
    expect((await ask(order, around)).stop).toBeUndefined()
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['m-1'])
    expect((await look('m-1')).body).toEqual({ amount: 7 })
  })

  it('completes groups, one or all, and answers how many', async () => {
    const groups = begin<string>().aggregate('g', { key: (key) => key, complete: { size: 9 } })
    const around = world()
    for (const key of ['a', 'b', 'c'])
      await run(groups, key, { ...around, records: new Map() }, { id: `m-${key}` })
    const order = { do: 'complete', flow: 'tested', step: 'g', scope: 'tested/g' } as const
    expect((await ask({ ...order, key: 'b' }, around)).stop).toMatchObject({ reason: '1 group completed' })
    expect((await ask({ ...order, key: 'z' }, around)).stop).toMatchObject({ reason: '0 groups completed' })
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['m-b'])
    await ask({ ...order, key: null }, around)
    expect(around.happened.replies.map(({ value }) => value)).toEqual([
      { groups: 1 },
      { groups: 0 },
      { groups: 3 },
    ])
  })
})
