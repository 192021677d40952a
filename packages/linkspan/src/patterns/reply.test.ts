import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

describe('reply', () => {
  it('answers by the body or by what a function makes of it, and leaves the body', async () => {
    const around = world()
    const tested = begin<number>()
      .reply()
      .reply('named')
      .reply((n) => n + 1)
      .reply('both', (n) => ({ n }))
    expect((await run(tested, 1, around)).body).toBe(1)
    expect(around.happened.replies).toEqual([
      { path: 'reply-1', value: 1 },
      { path: 'named', value: 1 },
      { path: 'reply-2', value: 2 },
      { path: 'both', value: { n: 1 } },
    ])
  })

  it('may stand in a branch', async () => {
    const around = world()
    const tested = begin<number>().choice('c', (c) =>
      c.when(
        'odd',
        (n) => n % 2 === 1,
        (s) => s.reply('odd'),
      ),
    )
    await run(tested, 1, around)
    expect(around.happened.replies).toEqual([{ path: 'c/odd/odd', value: 1 }])
  })

  it('may not stand where children run', () => {
    const steps = begin<number[]>()
    expect(() =>
      steps.split(
        'each',
        (l) => l,
        (n) => n.reply('x'),
      ),
    ).toThrow(/The step "x" \(reply\) stands inside a split, multicast or tap/)
    expect(() => steps.tap('t', (s) => s.choice('c', (c) => c.otherwise((o) => o.reply())))).toThrow(
      /A step without a name \(reply\) stands inside/,
    )
  })

  it('refuses a promise', async () => {
    const tested = begin<number>().reply('slow', (async () => 1) as never)
    await expect(run(tested, 1)).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })
})
