import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { event } from '../flow/event.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const paid = event<{ amount: number }>('paid')

describe('raise', () => {
  const telling = begin<{ invoice: string; amount: number }>().raise('tell', paid, {
    key: ({ invoice }) => invoice,
    value: ({ amount }) => ({ amount }),
  })
  const waiting = begin<{ invoice: string }>().waitFor('payment', paid, { key: ({ invoice }) => invoice })

  it('keeps an event for a message to come, and keeps the body', async () => {
    const around = world()
    const body = { invoice: 'i1', amount: 5 }
    expect((await run(telling, body, around)).body).toEqual(body)
    expect(around.happened.woken).toEqual([])
    expect((await run(waiting, { invoice: 'i1' }, { ...around, records: new Map() })).body).toEqual({
      amount: 5,
    })
  })

  it('wakes all who wait, as the first that looks takes it', async () => {
    const around = world()
    for (const id of ['m-2', 'm-3'])
      await run(waiting, { invoice: 'i1' }, { ...around, records: new Map() }, { id })
    await run(telling, { invoice: 'i1', amount: 5 }, { ...around, records: new Map() })
    expect(around.happened.woken.map(({ id }) => id)).toEqual(['m-2', 'm-3'])
  })

  it('checks what is raised by the schema', async () => {
    const strict = event('paid', { schema: z.object({ amount: z.number().positive() }) })
    const bad = begin<number>().raise('tell', strict, { key: () => 'k', value: (amount) => ({ amount }) })
    await expect(run(bad, -1)).rejects.toMatchObject({ code: 'BODY_INVALID' })
  })

  it('refuses what is no event, and a key that is none', async () => {
    const steps = begin<{ key?: string }>()
    expect(() => steps.raise('x', {} as never, {} as never)).toThrow(
      /needs an event as its second argument, but got an object/,
    )
    expect(() => steps.raise('x', paid, { key: () => 'k' } as never)).toThrow(
      /option value of raise\(\) must be a function/,
    )
    const keyless = steps.raise('x', paid, { key: ({ key }) => key as string, value: () => ({ amount: 1 }) })
    await expect(run(keyless, {})).rejects.toThrow(
      /needs a key by which the event is found: .* not undefined/,
    )
  })
})
