import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { channel } from '../flow/channel.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const plain = channel<{ id: string }>('orders')
const strict = channel('orders', { kind: 'topic', schema: z.object({ id: z.coerce.string() }) })

describe('publish', () => {
  it('puts the body on the channel and leaves it', async () => {
    const around = world()
    expect((await run(begin<{ id: string }>().publish('out', plain), { id: 'a' }, around)).body).toEqual({
      id: 'a',
    })
    expect(around.happened.published).toEqual([
      { path: 'out', channel: 'orders', body: { id: 'a' }, key: null, headers: {} },
    ])
  })

  it('makes body, key and headers of the body', async () => {
    const around = world()
    const tested = begin<number>().publish('out', plain, {
      body: (n) => ({ id: `o-${n}` }),
      key: (n) => n,
      headers: (n) => ({ 'X-Count': String(n) }),
    })
    await run(tested, 4, around)
    expect(around.happened.published).toMatchObject([
      { body: { id: 'o-4' }, key: '4', headers: { 'x-count': '4' } },
    ])
    const fixed = begin<{ id: string }>().publish('out', plain, {
      key: () => undefined,
      headers: { Source: 'shop' },
    })
    await run(fixed, { id: 'a' }, around)
    expect(around.happened.published[1]).toMatchObject({ key: null, headers: { source: 'shop' } })
  })

  it("publishes what the channel's schema makes of it, and refuses what does not fit", async () => {
    const around = world()
    const tested = begin<{ id: unknown }>().publish('out', strict)
    await run(tested, { id: 5 }, around)
    expect(around.happened.published).toMatchObject([{ body: { id: '5' } }])
    const failing = run(begin<never>().publish('out', strict), 'nothing', around)
    await expect(failing).rejects.toMatchObject({ code: 'BODY_INVALID', details: { path: 'out' } })
    expect(around.happened.published).toHaveLength(1)
  })

  it('refuses what is no channel', () => {
    expect(() => begin().publish('out', 'orders' as never)).toThrow(
      /needs a channel as its second argument, but got "orders"/,
    )
  })
})
