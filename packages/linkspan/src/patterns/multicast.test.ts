import { describe, expect, it } from 'vitest'
import { operation } from './fixtures/operations.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const store = operation<string, void, { kind: 'natural' }>('store', { kind: 'natural' })
const post = operation<string, void, { kind: 'natural' }>('post', { kind: 'natural' })
const tested = (stopOnError: boolean) =>
  begin<string>()
    .multicast(
      'fan',
      (m) => m.branch('a', (s) => s.to('store', store)).branch('b', (s) => s.to('post', post)),
      { stopOnError },
    )
    .map((body) => `${body} went on`)

describe('multicast', () => {
  it('runs each branch as a child with the body, and goes on with the body', async () => {
    const around = world()
    expect((await run(tested(false), 'it', around)).body).toBe('it went on')
    expect(around.happened.children).toMatchObject([
      { path: 'fan', scope: 'fan/a', index: 0, body: 'it' },
      { path: 'fan', scope: 'fan/b', index: 1, body: 'it' },
    ])
    expect(around.happened.calls.map(({ path }) => path)).toEqual(['fan/a/store', 'fan/b/post'])
  })

  it('fails when a branch fails only if told to', async () => {
    const failing = () => world(() => Promise.reject(new Error('down')))
    expect((await run(tested(false), 'it', failing())).body).toBe('it went on')
    await expect(run(tested(true), 'it', failing())).rejects.toMatchObject({ code: 'SPLIT_ITEM_FAILED' })
  })

  it('refuses no branch and equal labels', () => {
    const steps = begin<string>()
    expect(() => steps.multicast('x', (m) => m)).toThrow(/has no branch/)
    expect(() => steps.multicast('x', (m) => m.branch('a', (s) => s).branch('a', (s) => s))).toThrow(
      /two branches called "a"/,
    )
    expect(() => steps.multicast('x', (m) => m.branch('a', (s) => s), { timeout: 0 })).toThrow(
      /timeout is a duration longer than 0/,
    )
  })
})

describe('the join of a multicast', () => {
  const both = (m: Parameters<Parameters<ReturnType<typeof begin<number>>['multicast']>[1]>[0]) =>
    m.branch('twice', (s) => s.map((n) => n * 2)).branch('odd', (s) => s.filter((n) => n % 2 === 1))

  it('collects what the branches that came to their end answered, with their labels', async () => {
    const tested = begin<number>().multicast('fan', both, { join: 'collect', as: 'all' })
    expect((await run(tested, 3)).names).toEqual({
      all: [
        { from: 'twice', body: 6 },
        { from: 'odd', body: 3 },
      ],
    })
    expect((await run(tested, 2)).names).toEqual({ all: [{ from: 'twice', body: 4 }] })
  })

  it('folds them into the body, or beside it', async () => {
    const join = { initial: () => '', add: (all: string, n: number, from: string) => `${all}${from} ${n};` }
    expect((await run(begin<number>().multicast('fan', both, { join }), 3)).body).toBe('twice 6;odd 3;')
    const named = begin<number>().multicast('fan', both, { join: { ...join, as: 'text' } })
    expect(await run(named, 3)).toMatchObject({ body: 3, names: { text: 'twice 6;odd 3;' } })
  })
})
