import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Remember } from './dedupe.ts'
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

  it('lets repeated ones go on where it is told to say whether they are', async () => {
    const around = world()
    const telling = begin<{ id: string }>()
      .dedupe('once', { by: (b) => b.id, as: 'repeated' })
      .map(({ id }, { repeated }) => `${id} ${repeated}`)
    const bodies: unknown[] = []
    for (const [n, id] of ['a', 'a', 'b', 'a'].entries()) {
      around.records.clear()
      bodies.push((await run(telling, { id }, around, { id: `m-${n}` })).body)
    }
    expect(bodies).toEqual(['a false', 'a true', 'b false', 'a true'])
    around.cells.clear()
    expect((await run(telling, { id: 'a' }, around, { id: 'm-3' })).body).toBe('a true')
    expect(() => begin().dedupe('x', { by: () => 'x', as: 'id' as never })).toThrow(/may not be "id"/)
  })

  it('refuses an identity that is none', async () => {
    for (const id of ['', undefined, 3])
      await expect(run(tested, { id })).rejects.toMatchObject({ code: 'STEP_FAILED', retry: 'never' })
    expect(() => begin().dedupe('x', {} as never)).toThrow(/the option by of dedupe\(\) must be a function/)
  })
})

/** How a message that went on ended, as far as equal ones can see. */
const FATES = ['done', 'filtered', 'dead', 'dropped', 'inDoubt', 'parked', 'live', 'pruned'] as const
type Fate = (typeof FATES)[number]

/** The reference: which of the messages go on. */
function goOn(messages: readonly (readonly [identity: string, fate: Fate])[], remember: Remember): boolean[] {
  const counts = (fate: Fate): boolean => {
    if (remember === 'seen') return true
    if (fate === 'dead' || fate === 'dropped') return false
    return remember === 'unlessFailed' || fate === 'done' || fate === 'filtered' || fate === 'pruned'
  }
  const before: (readonly [string, Fate])[] = []
  return messages.map(([identity, fate]) => {
    const first = !before.some(([other, ending]) => other === identity && counts(ending))
    if (first) before.push([identity, fate])
    return first
  })
}

describe('dedupe that remembers', () => {
  it.each(['seen', 'unlessFailed', 'done'] as const)(
    '%s: lets those go on that the reference does (any messages with any fates)',
    async (remember) => {
      const message = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...FATES))
      const once = begin<string>().dedupe('once', { by: (identity) => identity, remember })
      await fc.assert(
        fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
          const around = world()
          const passed: boolean[] = []
          for (const [at, [identity, fate]] of messages.entries()) {
            around.records.clear()
            passed.push((await run(once, identity, around, { id: `m-${at}` })).stop === undefined)
            if (fate !== 'pruned') around.endings.set(`m-${at}`, fate)
          }
          expect(passed).toEqual(goOn(messages, remember))
        }),
      )
    },
  )

  it('done: lets the same message go on when it is sent again, unless an equal one ended well since', async () => {
    const around = world()
    const once = begin<string>().dedupe('once', { by: (identity) => identity, remember: 'done' })
    const pass = async (id: string) => {
      around.records.clear()
      return (await run(once, 'a', around, { id })).stop === undefined
    }
    expect(await pass('m-1')).toBe(true)
    around.endings.set('m-1', 'dead')
    expect(await pass('m-1')).toBe(true)
    expect(await pass('m-2')).toBe(true)
    around.endings.set('m-2', 'done')
    expect(await pass('m-1')).toBe(false)
  })

  it('takes over what it remembered when it was told otherwise', async () => {
    const around = world()
    around.cells.set('tested/once|a', { value: 'm-0', until: null })
    around.endings.set('m-0', 'done')
    const once = begin<string>().dedupe('once', { by: (identity) => identity, remember: 'unlessFailed' })
    expect((await run(once, 'a', around)).stop).toMatchObject({ ending: 'filtered' })
    expect(() => begin<string>().dedupe('x', { by: (b) => b, remember: 'never' as never })).toThrow(
      /remember is 'seen', 'unlessFailed' or 'done', not "never"/,
    )
  })
})
