import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run } from './fixtures/pass-for-tests.ts'

describe('dynamicRouter', () => {
  const collatz = begin<{ n: number; way: string }>().dynamicRouter(
    'next',
    ({ n }) => (n === 1 ? null : n % 2 === 0 ? 'halve' : 'triple'),
    (r) =>
      r
        .branch('halve', (s) => s.map(({ n, way }) => ({ n: n / 2, way: `${way}h` })))
        .branch('triple', (s) => s.map(({ n, way }) => ({ n: n * 3 + 1, way: `${way}t` }))),
  )

  it('asks after each branch, until the answer is null, as a model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (start) => {
        let n = start
        let way = ''
        while (n !== 1) {
          way += n % 2 === 0 ? 'h' : 't'
          n = n % 2 === 0 ? n / 2 : n * 3 + 1
        }
        expect((await run(collatz, { n: start, way: '' })).body).toEqual({ n: 1, way })
      }),
    )
  })

  it('says how many branches there were', async () => {
    const counted = begin<string>().dynamicRouter(
      'next',
      (_, { turn }) => (turn < 3 ? 'mark' : undefined),
      (r) => r.branch('mark', (s) => s.map((text) => `${text}!`)),
    )
    expect((await run(counted, 'go')).body).toBe('go!!!')
  })

  it('fails at a name that no branch has, and where it does not end', async () => {
    const lost = begin<number>().dynamicRouter(
      'next',
      () => 'away' as 'here',
      (r) => r.branch('here', (s) => s),
    )
    await expect(run(lost, 0)).rejects.toThrow(
      'was told to go to "away", which is none of its branches: "here"',
    )
    const endless = begin<number>().dynamicRouter(
      'next',
      () => 'here',
      (r) => r.branch('here', (s) => s),
      { most: 9 },
    )
    await expect(run(endless, 0)).rejects.toMatchObject({ code: 'LOOP_ENDLESS', details: { most: 9 } })
    const unknown = begin<number>().dynamicRouter(
      'next',
      () => 'away' as 'here',
      (r) => r.branch('here', (s) => s),
      {
        ignoreUnknown: true,
        most: 9,
      },
    )
    await expect(run(unknown, 0)).rejects.toMatchObject({ code: 'LOOP_ENDLESS' })
  })

  it('comes to the same, wherever the engine is killed', async () => {
    const ask = fakeOperation(
      'shop.ask',
      { kind: 'verify', settleAfter: '5s' },
      { result: (n: number) => n + 2 },
    )
    const routed = flow('routed')
      .from(inbox<{ n: number }>(), { key: () => 'one' })
      .dynamicRouter(
        'next',
        ({ n }) => (n < 6 ? 'ask' : null),
        (r) =>
          r.branch('ask', (s) =>
            s
              .call('ask', ask, { input: ({ n }) => n, as: 'got' })
              .delay('rest', '1s')
              .map((_, { got }) => ({ n: got })),
          ),
      )
      .to('end', ask, { input: ({ n }) => n })
    const report = await crashSweep(routed, ({ send }) => {
      send({ n: 1 })
      send({ n: 6 })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
