import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const tested = begin<{ id: string }>()
  .dedupe('once', { by: (b) => b.id, for: '7d' })
  .map(({ id }) => `first ${id}`)

/** Another message in the same world: the cells stay, the records are the message's own. */
async function send(around: ReturnType<typeof world>, id: string, messageId: string) {
  around.records.clear()
  return run(tested, { id }, around, { id: messageId, now: 1_000 })
}

describe('dedupe', () => {
  it('lets the first of equal messages through and ends the others as filtered', async () => {
    const around = world()
    expect((await send(around, 'a', 'm-1')).body).toBe('first a')
    expect((await send(around, 'a', 'm-2')).stop).toEqual({
      kind: 'end',
      ending: 'filtered',
      reason: '"once" has seen it before',
    })
    expect((await send(around, 'b', 'm-3')).body).toBe('first b')
  })

  it('lets the same message through when it is sent again', async () => {
    const around = world()
    await send(around, 'a', 'm-1')
    expect((await send(around, 'a', 'm-1')).body).toBe('first a')
  })

  it('answers from the record when it is computed again', async () => {
    const around = world()
    await send(around, 'a', 'm-1')
    around.cells.clear()
    around.records.set('once', false)
    expect((await run(tested, { id: 'a' }, around)).stop).toMatchObject({ ending: 'filtered' })
  })

  it('remembers for its time, under its oldest names or a scope of its own', async () => {
    const around = world()
    await send(around, 'a', 'm-1')
    expect([...around.cells]).toEqual([['tested/once|a', { value: 'm-1', until: 1_000 + 7 * 86_400_000 }]])
    const renamed = begin<string>().dedupe('only once', { by: (b) => b, renamedFrom: ['once', 'one time'] })
    expect(renamed.definition.steps[0]?.options['scope']).toBe('tested/once')
    const shared = begin<string>().dedupe('x', { by: (b) => b, scope: 'orders' })
    expect(shared.definition.steps[0]?.options).toEqual({ forMs: 30 * 86_400_000, scope: 'orders' })
  })

  it('refuses an identity that is none', async () => {
    for (const id of ['', undefined, 3])
      await expect(run(tested, { id })).rejects.toMatchObject({ code: 'STEP_FAILED', retry: 'never' })
    expect(() => begin().dedupe('x', {} as never)).toThrow(/the option by of dedupe\(\) must be a function/)
  })
})
