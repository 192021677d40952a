import { describe, expect, it } from 'vitest'
import { begin, run } from './fixtures/pass-for-tests.ts'

describe('map', () => {
  it('makes another body of the body, at once', async () => {
    const tested = begin<{ n: number }>().map('double', ({ n }) => n * 2)
    expect(await run(tested, { n: 4 })).toMatchObject({ body: 8, atOnce: true, stop: undefined })
  })

  it('gets the context with the names bound so far', async () => {
    const tested = begin<number>()
      .state('count', { initial: () => 7, as: 'count' }, (state) => ({ state, result: state }))
      .map((n, { count, id, key }) => `${n} ${count} ${id} ${key}`)
    expect((await run(tested, 1, undefined, { key: 'k' })).body).toBe('1 7 m-1 k')
  })

  it('refuses a promise, also one that would be rejected later', async () => {
    const later = (() => Promise.reject(new Error('late'))) as unknown as () => number
    const tested = begin<number>().map('slow', later)
    await expect(run(tested, 1)).rejects.toMatchObject({
      code: 'STEP_ASYNC',
      retry: 'never',
      details: { path: 'slow' },
    })
  })

  it('refuses what is no function and no name', () => {
    const steps = begin<number>()
    expect(() => steps.map('x', 3 as never)).toThrow(
      /The step "x": the transform of map\(\) must be a function, but it is 3/,
    )
    expect(() => steps.map(undefined as never)).toThrow(/was given undefined as its name/)
  })
})
