import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

interface Scan {
  readonly id: string
  readonly pages: readonly string[]
}
const scan: Scan = { id: 's1', pages: ['a', 'b'] }

describe('claimCheck', () => {
  it('keeps the body under a key and brings it back, again and again', async () => {
    const tested = begin<Scan>()
      .claimSet('aside', 'scan')
      .map((s) => s.id)
      .claimGet('back', 'scan')
      .map((s) => s.pages.length)
      .claimGet('once more', 'scan', { merge: (pages, s, ctx) => `${ctx.flow} ${s.id} ${pages}` })
    expect(await run(tested, scan)).toMatchObject({ body: 'tested s1 2', atOnce: true })
  })

  it('replaces what was kept, and removes it', async () => {
    const tested = begin<Scan>()
      .claimSet('first', 'it')
      .map((s) => s.id)
      .claimSet('second', 'it')
      .map(() => 0)
      .claimGetAndRemove('back', 'it')
    expect((await run(tested, scan)).body).toBe('s1')
    const gone = (tested as unknown as { claimGet(name: string, key: string): typeof tested }).claimGet(
      'x',
      'it',
    )
    await expect(run(gone, scan)).rejects.toMatchObject({
      code: 'STEP_FAILED',
      message: expect.stringMatching(/Nothing is kept under "it" that the claim check "x" could bring back/),
    })
  })

  it('is a stack', async () => {
    const tested = begin<Scan>()
      .claimPush('whole')
      .map((s) => s.id)
      .claimPush('id')
      .map(() => 3)
      .claimPop('id back', { merge: (n, id) => `${id}-${n}` })
      .claimPop('whole back', { merge: (text, s) => `${text} of ${s.pages.length}` })
    expect((await run(tested, scan)).body).toBe('s1-3 of 2')
    const empty = begin<Scan>() as unknown as { claimPop(name: string): typeof tested }
    await expect(run(empty.claimPop('pop'), scan)).rejects.toThrow(/Nothing is on the stack/)
  })

  it('is there for children', async () => {
    const tested = begin<Scan>()
      .claimSet('aside', 'scan')
      .split(
        'pages',
        (s) => s.pages,
        (s) => s.claimGet('back', 'scan', { merge: (page, whole) => `${whole.id}${page}` }),
        { join: 'collect', as: 'pages' },
      )
    expect((await run(tested, scan, world())).names['pages']).toEqual(['s1a', 's1b'])
  })

  it('refuses what makes no sense', () => {
    for (const key of ['', undefined, 3])
      expect(() => begin<Scan>().claimSet('x', key as string)).toThrow(
        /key of a claim is a text that is not empty/,
      )
    const kept = begin<Scan>().claimSet('x', 'a')
    expect(() => kept.claimGet('y', 'a', { merge: 3 as never })).toThrow(/merge must be a function/)
  })
})
