import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

describe('tap', () => {
  it('sends a copy down its branch and leaves the body', async () => {
    const around = world()
    const tested = begin<number>()
      .tap('audit', (copy) => copy.map((n) => `copy of ${n}`))
      .map((n) => n + 1)
    expect((await run(tested, 1, around)).body).toBe(2)
    await Promise.resolve()
    expect(around.happened.detached).toEqual([{ path: 'audit', scope: 'audit', output: 'copy of 1' }])
  })

  it('goes on when its branch fails', async () => {
    const around = world()
    const tested = begin<number>()
      .tap('audit', (copy) =>
        copy.map(() => {
          throw new Error('no')
        }),
      )
      .map((n) => n + 1)
    expect((await run(tested, 1, around)).body).toBe(2)
    await Promise.resolve()
    expect(around.happened.errors).toHaveLength(1)
  })

  it('refuses a scope that is none', () => {
    expect(() => begin().tap('audit', undefined as never)).toThrow(/the scope of tap\(\) must be a function/)
  })
})
