import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

describe('log', () => {
  it('writes a text, an object, or only where the message is, and leaves the body', async () => {
    const around = world()
    const tested = begin<{ id: string }>()
      .log('bare')
      .log('text', (b, ctx) => `order ${b.id} of ${ctx.flow}`, { level: 'debug' })
      .log('data', (b) => ({ order: b.id }), { level: 'warn' })
    expect(await run(tested, { id: 'o1' }, around)).toMatchObject({ body: { id: 'o1' }, atOnce: true })
    expect(around.happened.logged).toEqual([
      { path: 'bare', level: 'info', line: {} },
      { path: 'text', level: 'debug', line: { text: 'order o1 of tested' } },
      { path: 'data', level: 'warn', line: { data: { order: 'o1' } } },
    ])
  })

  it('does not make its line again when the message is computed again', async () => {
    const around = world()
    let made = 0
    const tested = begin<number>().log('count', () => `${++made}`)
    await run(tested, 1, around)
    await run(tested, 1, around)
    expect(made).toBe(1)
  })

  it('refuses a level that there is not, and what cannot be told', async () => {
    expect(() => begin().log('x', () => '', { level: 'loud' as never })).toThrow(
      /level is one of debug, info, warn, error, not "loud"/,
    )
    expect(() => begin().log('x', 'text' as never)).toThrow(/what log\(\) writes must be a function/)
    for (const told of [3, null, undefined])
      await expect(
        run(
          begin().log('x', () => told as never),
          1,
        ),
      ).rejects.toMatchObject({
        code: 'STEP_FAILED',
      })
    await expect(run(begin().log('x', (async () => '') as never), 1)).rejects.toMatchObject({
      code: 'STEP_ASYNC',
    })
  })
})
