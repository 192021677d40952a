import { describe, expect, it } from 'vitest'
import { operation } from './fixtures/operations.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const load = operation<number, { name: string }, { kind: 'natural' }>('load', { kind: 'natural' })

describe('group', () => {
  it('goes on with what its steps end with, at once when they are pure', async () => {
    const tested = begin<number>()
      .group('twice', (s) => s.map((n) => n * 2).map((n) => `${n}`))
      .map((text) => `${text}!`)
    expect(await run(tested, 2)).toMatchObject({ body: '4!', atOnce: true })
  })

  it('binds it beside the body with "as"', async () => {
    const around = world(() => ({ name: 'Ada' }))
    const tested = begin<number>()
      .group('person', (s) => s.call('load', load).map((p) => p.name), { as: 'name' })
      .map((n, { name }) => `${n} ${name}`)
    expect((await run(tested, 7, around)).body).toBe('7 Ada')
    expect(around.happened.calls.map(({ path }) => path)).toEqual(['person/load'])
  })

  it('tells how long it took only when it came to its end', async () => {
    const around = world()
    const tested = begin<number>().group('g', (s) => s.filter((n) => n > 1))
    expect((await run(tested, 1, around)).stop).toMatchObject({ ending: 'filtered' })
    expect(around.happened.measured).toEqual([])
    await run(tested, 2, around)
    expect(around.happened.measured).toEqual([{ path: 'g', ms: 0 }])
  })

  it('refuses a scope that answers nothing and a name that is taken', () => {
    expect(() => begin<number>().group('g', (() => undefined) as never)).toThrow(/must answer the steps/)
    const bound = begin<number>().group('g', (s) => s, { as: 'one' })
    expect(() => bound.group('h', (s) => s, { as: 'one' as never })).toThrow(/"one" is bound already/)
    expect(() => begin<number>().group('g', (s) => s, { as: 'key' as never })).toThrow(/may not be "key"/)
  })
})
