import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'
import { RECIPIENTS_LIMIT } from './recipients.ts'
import type { FanOutOptions } from './parts/fan-out.ts'

interface Order {
  readonly id: number
  readonly to: Iterable<string>
}

const told = (options: FanOutOptions & { ignoreUnknown?: boolean } = {}) =>
  begin<Order>().recipients(
    'tell',
    (order) => order.to,
    (r) =>
      r
        .branch('mail', (s) => s.map((order) => `mail ${order.id}`))
        .branch('chat', (s) => s.map((order) => `chat ${order.id}`))
        .branch('none', (s) => s.filter(() => false).map(() => 'never'))
        .branch('fails', (s) =>
          s.map((): string => {
            throw new Error('no')
          }),
        ),
    { join: 'collect', as: 'answers', ...options },
  )

describe('recipients', () => {
  it('gives a copy to those that the message names, in their order, and joins their answers (any list)', async () => {
    const names = ['mail', 'chat', 'none', 'fails', 'sms', '']
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...names), { maxLength: 8 }), async (to) => {
        const around = world()
        const { body, names } = await run(told({ ignoreUnknown: true }), { id: 7, to }, around)
        const known = to.filter((name) => ['mail', 'chat', 'none', 'fails'].includes(name))
        expect(around.happened.children.map(({ scope }) => scope)).toEqual(
          known.map((name) => `tell/${name}`),
        )
        expect(names['answers']).toEqual(
          known
            .filter((name) => name === 'mail' || name === 'chat')
            .map((from) => ({ from, body: `${from} 7` })),
        )
        expect(body).toEqual({ id: 7, to })
      }),
    )
  })

  it('fails with the known ones for a name that is unknown, before anything is sent', async () => {
    const around = world()
    await expect(run(told(), { id: 1, to: ['mail', 'sms'] }, around)).rejects.toMatchObject({
      code: 'STEP_FAILED',
      retry: 'never',
      message: expect.stringMatching(/"sms" in "tell".*: mail, chat, none, fails\. Add one, or set/),
      details: { path: 'tell', recipient: 'sms', known: ['mail', 'chat', 'none', 'fails'] },
    })
    expect(around.happened.children).toEqual([])
    await expect(run(told(), { id: 1, to: [undefined] as never })).rejects.toThrow(/recipient undefined/)
  })

  it('refuses a list that is none, or never ends', async () => {
    await expect(run(told(), { id: 1, to: 'mail' })).rejects.toThrow(
      /answered "mail"\. Write it as \["mail"\]/,
    )
    for (const to of [undefined, null, 3, {}])
      await expect(run(told(), { id: 1, to: to as never })).rejects.toMatchObject({ code: 'STEP_FAILED' })
    const endless = function* (): Generator<string> {
      for (;;) yield 'mail'
    }
    await expect(run(told(), { id: 1, to: endless() })).rejects.toThrow(
      /more than 10000 recipients.* ever end/,
    )
    expect(RECIPIENTS_LIMIT).toBe(10_000)
  })

  it('fails when a recipient does only if told to', async () => {
    const to = ['fails', 'mail']
    expect((await run(told(), { id: 1, to })).names).toEqual({ answers: [{ from: 'mail', body: 'mail 1' }] })
    await expect(run(told({ stopOnError: true }), { id: 1, to })).rejects.toMatchObject({
      code: 'SPLIT_ITEM_FAILED',
    })
  })

  it('keeps the best answer, as Scatter-Gather does', async () => {
    const best = begin<{ to: string[] }>().recipients(
      'ask',
      (b) => b.to,
      (r) => r.branch('north', (s) => s.map(() => 12)).branch('south', (s) => s.map(() => 9)),
      {
        join: {
          initial: (): { from: string; price: number } | null => null,
          add: (found, price, from) => (found === null || price < found.price ? { from, price } : found),
        },
      },
    )
    expect((await run(best, { to: ['north', 'south'] })).body).toEqual({ from: 'south', price: 9 })
    expect((await run(best, { to: [] })).body).toBeNull()
  })

  it('refuses what makes no sense when it is built', () => {
    const steps = begin<Order>()
    expect(() =>
      steps.recipients(
        'x',
        (o) => o.to,
        (r) => r,
      ),
    ).toThrow(/has no branch/)
    expect(() =>
      steps.recipients(
        'x',
        (o) => o.to,
        (r) => r.branch('', (s) => s),
      ),
    ).toThrow(/label .* is empty/)
    expect(() => steps.recipients('x', ['mail'] as never, (r) => r.branch('mail', (s) => s))).toThrow(
      /what recipients\(\) sends to must be a function/,
    )
    expect(() => told({ concurrency: 0 })).toThrow(/concurrency is a whole number from 1, not 0/)
    expect(() =>
      steps.recipients(
        'x',
        (o) => o.to,
        (r) => r.branch('mail', (s) => s),
        { join: 'collect' } as never,
      ),
    ).toThrow(/name the array by "as"/)
  })
})
