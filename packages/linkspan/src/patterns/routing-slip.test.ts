import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run } from './fixtures/pass-for-tests.ts'

interface Given {
  readonly slip: readonly string[]
  readonly n: number
}

describe('routingSlip', () => {
  const computed = begin<Given>().routingSlip(
    'way',
    ({ slip }) => slip,
    (s) =>
      s
        .branch('double', (b) => b.map((g) => ({ ...g, n: g.n * 2 })))
        .branch('add', (b) => b.map((g) => ({ ...g, n: g.n + 1 })))
        .branch('drop', (b) => b.filter(() => false)),
  )

  it('comes through what the slip lists, as a model does', async () => {
    const steps: Readonly<Record<string, (n: number) => number>> = { double: (n) => n * 2, add: (n) => n + 1 }
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('double', 'add'), { maxLength: 20 }),
        fc.nat(100),
        async (slip, n) => {
          const expected = slip.reduce((value, name) => (steps[name] as (n: number) => number)(value), n)
          expect((await run(computed, { slip, n })).body).toEqual({ slip, n: expected })
        },
      ),
    )
  })

  it('makes the slip once, before the first branch', async () => {
    const rewriting = begin<Given>().routingSlip(
      'way',
      ({ slip }) => slip,
      (s) => s.branch('more', (b) => b.map((g) => ({ slip: ['more', ...g.slip], n: g.n + 1 }))),
    )
    expect((await run(rewriting, { slip: ['more'], n: 0 })).body).toEqual({ slip: ['more', 'more'], n: 1 })
  })

  it('ends the message where a branch does, and goes on at once with an empty slip', async () => {
    expect(await run(computed, { slip: ['add', 'drop', 'add'], n: 0 })).toMatchObject({
      stop: { ending: 'filtered' },
      body: { n: 1 },
    })
    expect(await run(computed, { slip: [], n: 3 })).toMatchObject({ body: { n: 3 }, atOnce: true })
  })

  it('fails at a name that no branch has, or passes it over', async () => {
    await expect(run(computed, { slip: ['add', 'ad'], n: 0 })).rejects.toThrow(
      'was told to go to "ad", which is none of its branches: "double", "add", "drop"',
    )
    const lenient = begin<Given>().routingSlip(
      'way',
      ({ slip }) => slip,
      (s) => s.branch('add', (b) => b.map((g) => ({ ...g, n: g.n + 1 }))),
      { ignoreUnknown: true },
    )
    expect((await run(lenient, { slip: ['x', 'add', 'y'], n: 0 })).body).toMatchObject({ n: 1 })
  })

  it('takes a slip that does not end for endless, and refuses one that is none', async () => {
    const endless = begin<Given>().routingSlip(
      'way',
      function* () {
        for (;;) yield 'add'
      },
      (s) => s.branch('add', (b) => b.map((g) => ({ ...g, n: g.n + 1 }))),
      { most: 5 },
    )
    await expect(run(endless, { slip: [], n: 0 })).rejects.toMatchObject({ code: 'LOOP_ENDLESS' })
    await expect(run(computed, { slip: 'add' as never, n: 0 })).rejects.toThrow(
      /is a list of names, but .* "add"/,
    )
    expect(() =>
      begin<Given>().routingSlip(
        'x',
        () => [],
        (s) => s,
      ),
    ).toThrow(/has no branch/)
    expect(() =>
      begin<Given>().routingSlip(
        'x',
        () => [],
        (s) => s.branch('a', (b) => b),
        { most: 0 },
      ),
    ).toThrow(/"most" is a whole number from 1, not 0/)
  })

  it('comes to the same, wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const ask = fakeOperation(
      'shop.ask',
      { kind: 'verify', settleAfter: '5s' },
      { result: (n: number) => n + 10 },
    )
    const slipped = flow('slipped')
      .from(inbox<Given>(), { key: () => 'one' })
      .routingSlip(
        'way',
        ({ slip }) => slip,
        (s) =>
          s
            .branch('put', (b) => b.to('put', put).map((g) => ({ ...g, n: g.n + 1 })))
            .branch('ask', (b) =>
              b.call('ask', ask, { input: ({ n }) => n, as: 'got' }).map((g, { got }) => ({ ...g, n: got })),
            ),
      )
      .to('end', put)
    const report = await crashSweep(slipped, ({ send }) => {
      send({ slip: ['put', 'ask', 'put'], n: 0 })
      send({ slip: ['ask'], n: 5 })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
