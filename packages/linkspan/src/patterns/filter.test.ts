import { describe, expect, it } from 'vitest'
import { begin, run } from './fixtures/pass-for-tests.ts'

describe('filter', () => {
  const tested = begin<number>()
    .filter('positive', (n) => n > 0)
    .map((n) => n + 1)

  it('lets a message go on when the predicate is true', async () => {
    expect(await run(tested, 1)).toMatchObject({ stop: undefined, body: 2, atOnce: true })
  })

  it('ends the others as filtered, before the steps behind it', async () => {
    const { stop, body } = await run(tested, -1)
    expect(stop).toEqual({ kind: 'end', ending: 'filtered', reason: '"positive" answered false' })
    expect(body).toBe(-1)
  })

  it('ends the child only, inside a split', async () => {
    const odd = begin<number[]>().split(
      'each',
      (list) => list,
      (n) => n.filter((m) => m % 2 === 1),
      { join: 'collect', as: 'odd' },
    )
    expect((await run(odd, [1, 2, 3])).names).toEqual({ odd: [1, 3] })
  })

  it('refuses a promise', async () => {
    const later = begin<number>().filter('slow', (async () => true) as unknown as () => boolean)
    await expect(run(later, 1)).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })
})
