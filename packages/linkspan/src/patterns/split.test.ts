import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { testFlow } from '../testing/test-flow.ts'
import { operation } from './fixtures/operations.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'
import { COLLECT_LIMIT } from './parts/joining.ts'

const post = operation<number, void, { kind: 'natural' }>('post', { kind: 'natural' })

describe('split', () => {
  it('makes a child of each item and leaves the body', async () => {
    const around = world()
    const tested = begin<{ ids: number[] }>().split(
      'ids',
      ({ ids }) => ids,
      (id) => id.to('post', post),
    )
    expect((await run(tested, { ids: [3, 4] }, around)).body).toEqual({ ids: [3, 4] })
    expect(around.happened.calls.map(({ path, input }) => [path, input])).toEqual([
      ['ids/post', 3],
      ['ids/post', 4],
    ])
    expect(around.happened.children.map(({ scope, index }) => [scope, index])).toEqual([
      ['ids', 0],
      ['ids', 1],
    ])
  })

  it('reads the items one at a time', async () => {
    const seen: string[] = []
    function* items(): Generator<number> {
      for (const n of [1, 2]) {
        seen.push(`made ${n}`)
        yield n
      }
    }
    const tested = begin<null>().split('each', items, (n) => n.map((m) => seen.push(`ran ${m}`)))
    await run(tested, null)
    expect(seen).toEqual(['made 1', 'ran 1', 'made 2', 'ran 2'])
  })

  it('collects the last bodies of those that are done, in order, once', async () => {
    const around = world()
    const tested = begin<number[]>().split(
      'each',
      (list) => list,
      (n) => n.map((m) => m * 2),
      { join: 'collect', as: 'doubled' },
    )
    expect((await run(tested, [1, 2, 3], around)).names).toEqual({ doubled: [2, 4, 6] })
    expect(around.records.get('each')).toEqual([2, 4, 6])
    around.records.set('each', ['as recorded'])
    expect((await run(tested, [1, 2, 3], around)).names).toEqual({ doubled: ['as recorded'] })
  })

  it('folds the last bodies into one value, bound or as the body', async () => {
    const lines = begin<number[]>()
    const join = {
      initial: () => '',
      add: (text: string, n: number, index: number) => `${text}${index}:${n} `,
    }
    const bound = lines.split(
      'each',
      (list) => list,
      (n) => n,
      { join: { ...join, as: 'text' } },
    )
    const body = lines.split(
      'each',
      (list) => list,
      (n) => n,
      { join },
    )
    expect(await run(bound, [5, 6])).toMatchObject({ body: [5, 6], names: { text: '0:5 1:6 ' } })
    expect((await run(body, [5, 6])).body).toBe('0:5 1:6 ')
  })

  it('keeps the joined value as it will be read back', async () => {
    const tested = begin<number[]>().split(
      'each',
      (list) => list,
      (n) => n,
      {
        join: { as: 'joined', initial: () => ({ at: new Date(0), gone: undefined }), add: (all) => all },
      },
    )
    expect((await run(tested, [1])).names).toEqual({ joined: { at: '1970-01-01T00:00:00.000Z' } })
  })

  it('refuses what cannot be iterated, and texts', async () => {
    const tested = begin<never>().split(
      'each',
      (given) => given,
      (s) => s,
    )
    for (const given of [3, undefined, null, { length: 1 }, 'text'])
      await expect(run(tested, given)).rejects.toMatchObject({ code: 'SPLIT_NOT_ITERABLE', retry: 'never' })
    await expect(run(tested, 'text')).rejects.toThrow(/answered a text: split it yourself/)
    await expect(run(tested, Promise.resolve([]))).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })

  it('fails the parent when a child fails only if told to', async () => {
    const failing = (stopOnError: boolean) =>
      begin<number[]>().split(
        'each',
        (list) => list,
        (n) => n.map((m) => [][m]!['x'] as never),
        { stopOnError },
      )
    expect((await run(failing(false), [1, 2])).stop).toBeUndefined()
    await expect(run(failing(true), [1, 2])).rejects.toMatchObject({
      code: 'SPLIT_ITEM_FAILED',
      retry: 'never',
    })
  })

  it('collects up to its limit and not beyond', async () => {
    const tested = begin<number>().split(
      'each',
      (n) => Array(n).keys(),
      (n) => n,
      { join: 'collect', as: 'all' },
    )
    const { names } = await run(tested, COLLECT_LIMIT)
    expect(names['all']).toHaveLength(COLLECT_LIMIT)
    const around = world()
    const beyond = run(tested, COLLECT_LIMIT + 1, around)
    await expect(beyond).rejects.toMatchObject({ code: 'JOIN_TOO_LARGE', retry: 'never' })
    await expect(beyond).rejects.toThrow(/Fold them instead/)
    expect(around.happened.children).toHaveLength(COLLECT_LIMIT)
  })

  it('refuses options that make no sense', () => {
    const each = (options: unknown) => () =>
      begin<number[]>().split(
        'x',
        (l) => l,
        (n) => n,
        options as never,
      )
    expect(each({ join: 'collect' })).toThrow(/name the array by "as"/)
    expect(each({ as: 'x' })).toThrow(/has "as" but no join/)
    expect(each({ join: 'sum', as: 'x' })).toThrow(/join is 'collect' or \{ initial, add \}, not "sum"/)
    expect(each({ join: { initial: () => 0 } })).toThrow(/add of the join must be a function/)
    expect(each({ concurrency: 0 })).toThrow(/concurrency is a whole number from 1, not 0/)
  })

  it('makes a child of each item and joins those that are done, as a list would', async () => {
    const numbers = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(numbers, fc.boolean(), async (items, stopOnError) => {
        const tested = begin<readonly number[]>().split(
          'items',
          (all) => all,
          (item) =>
            item
              .map((n) => {
                if (n < -7) throw new Error('too low')
                return n
              })
              .filter((n) => n % 2 === 0)
              .map((n) => n * 10),
          {
            stopOnError,
            join: {
              as: 'seen',
              initial: (): number[][] => [],
              add: (seen, n, at) => [...seen, [at, n]],
            },
          },
        )
        const around = world()
        const ran = await run(tested, items, around).then(
          ({ names }) => names['seen'],
          ({ code }: { readonly code: string }) => code,
        )
        const failing = items.findIndex((n) => n < -7)
        const made = stopOnError && failing >= 0 ? items.slice(0, failing + 1) : items
        expect(around.happened.children.map(({ body }) => body)).toEqual(made)
        const kept = items.flatMap((n, at) => (n >= -7 && n % 2 === 0 ? [[at, n * 10]] : []))
        expect(ran).toEqual(stopOnError && failing >= 0 ? 'SPLIT_ITEM_FAILED' : kept)
      }),
      { numRuns: 200 },
    )
  })

  it('has its items grouped again, each in one group, and goes on without those that are too few', async () => {
    const numbers = fc.array(fc.nat(30), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer({ min: 1, max: 5 }), async (items, size) => {
        const grouped = flow('grouped')
          .from(inbox<readonly number[]>())
          .split(
            'items',
            (all) => all,
            (item) => item.aggregate('thirds', { key: (n) => n % 3, complete: { size } }),
            // One after the other, so that it is known in which order they come.
            {
              concurrency: 1,
              join: { as: 'groups', initial: (): number[][] => [], add: (all, one) => [...all, one] },
            },
          )
          .reply('groups', (_all, { groups }) => groups)
        const flows = await testFlow(grouped)
        const open = new Map<number, number[]>()
        const whole: number[][] = []
        for (const n of items) {
          const group = [...(open.get(n % 3) ?? []), n]
          open.set(n % 3, group.length === size ? [] : group)
          if (group.length === size) whole.push(group)
        }
        expect(await flows.request(items)).toEqual(whole)
      }),
      { numRuns: 40 },
    )
  })
})
