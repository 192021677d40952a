import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { begin, run, type World, world } from './fixtures/pass-for-tests.ts'
import type { LoadBalanceOptions } from './load-balance.ts'

type By = NonNullable<LoadBalanceOptions<string, unknown, string>['by']>

/** A load balancer whose targets answer with their labels. */
function balancer(weights: Readonly<Record<string, number | undefined>>, by?: By) {
  return begin<string>().loadBalance(
    'farm',
    (targets) =>
      Object.entries(weights).reduce<never>(
        (chain, [label, weight]) =>
          (chain as unknown as typeof targets).target(
            label,
            (s) => s.map(() => label),
            weight === undefined ? {} : { weight },
          ) as never,
        targets as never,
      ),
    by === undefined ? {} : { by },
  )
}

/** Sends messages one after the other, each with a record of its own, and answers which targets they came to. */
async function send(tested: ReturnType<typeof balancer>, bodies: readonly string[], around: World = world()) {
  const targets: string[] = []
  for (const [at, body] of bodies.entries()) {
    around.records.clear()
    targets.push((await run(tested, body, around, { id: `m-${at}` })).body as string)
  }
  return targets
}

const times = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}`)
const countOf = (targets: readonly string[], label: string): number =>
  targets.filter((target) => target === label).length

describe('loadBalance by turns', () => {
  it('takes one target after the other', async () => {
    const tested = balancer({ a: undefined, b: undefined, c: undefined })
    expect((await send(tested, times(7))).join('')).toBe('abcabca')
  })

  it('spreads weighted turns evenly', async () => {
    expect((await send(balancer({ a: 3, b: 1 }), times(8))).join('')).toBe('aabaaaba')
  })

  it('chooses each as often as its weight says in every round, and one of weight 0 never (any weights)', async () => {
    const weights = fc
      .array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 5 })
      .filter((all) => all.some((weight) => weight > 0))
    await fc.assert(
      fc.asyncProperty(weights, fc.integer({ min: 1, max: 3 }), async (given, rounds) => {
        const named = Object.fromEntries(given.map((weight, at) => [`t${at}`, weight]))
        const all = given.reduce((sum, weight) => sum + weight, 0)
        const around = world()
        const tested = balancer(named)
        for (let round = 0; round < rounds; round += 1) {
          const targets = await send(tested, times(all), around)
          for (const [label, weight] of Object.entries(named)) expect(countOf(targets, label)).toBe(weight)
        }
      }),
    )
  })

  it('takes the turn once per message, and begins afresh when there are other targets', async () => {
    const around = world()
    const tested = balancer({ a: 1, b: 1 })
    expect((await run(tested, 'x', around)).body).toBe('a')
    expect((await run(tested, 'x', around)).body).toBe('a')
    around.records.clear()
    expect((await run(tested, 'y', around)).body).toBe('b')
    expect(await send(balancer({ a: 1, c: 1 }), times(2), around)).toEqual(['a', 'c'])
  })
})

describe('loadBalance by chance', () => {
  it('stays with the target on record, also when the weights have changed since', async () => {
    const around = world()
    expect((await run(balancer({ a: 1, b: 3 }, 'random'), 'x', around)).body).toBe('b')
    expect(await run(balancer({ a: 3, b: 1 }, 'random'), 'x', around)).toMatchObject({
      body: 'b',
      atOnce: true,
    })
    expect((await run(balancer({ a: 3, c: 1 }, 'random'), 'x', around)).body).toBe('a')
  })

  it('never chooses a target of weight 0', async () => {
    expect((await run(balancer({ a: 0, b: 1, c: 0 }, 'random'), 'x')).body).toBe('b')
  })
})

describe('loadBalance by key', () => {
  const stickTo = { stickTo: (body: string) => body }

  it('sends the same key to the same target, and moves only the keys of a target that goes or comes', async () => {
    const keys = times(300)
    const three = await send(balancer({ a: 1, b: 1, c: 1 }, stickTo), keys)
    expect(await send(balancer({ a: 1, b: 1, c: 1 }, stickTo), keys)).toEqual(three)
    const two = await send(balancer({ a: 1, b: 0, c: 1 }, stickTo), keys)
    const others = keys.filter((_key, at) => three[at] !== 'b')
    expect(others.map((key) => two[Number(key)])).toEqual(others.map((key) => three[Number(key)]))
    expect(two).not.toContain('b')
    for (const label of ['a', 'b', 'c']) expect(countOf(three, label)).toBeGreaterThan(70)
  })

  it('keeps the proportion of the weights', async () => {
    const targets = await send(balancer({ a: 4, b: 1 }, stickTo), times(1_000))
    expect(countOf(targets, 'b')).toBeGreaterThan(150)
    expect(countOf(targets, 'b')).toBeLessThan(250)
  })

  it('refuses a key that is none', async () => {
    for (const key of ['', undefined, 3])
      await expect(run(balancer({ a: 1 }, { stickTo: () => key as never }), 'x')).rejects.toMatchObject({
        code: 'STEP_FAILED',
      })
  })
})

describe('loadBalance by a function', () => {
  it('goes where the function says, and refuses a target that there is not', async () => {
    const tested = balancer({ a: undefined, b: undefined }, { choose: (body) => body })
    expect((await run(tested, 'b')).body).toBe('b')
    await expect(run(tested, 'z')).rejects.toMatchObject({
      code: 'STEP_FAILED',
      message: expect.stringContaining('chose "z", which is none of its targets: a, b.'),
    })
  })
})

describe('loadBalance', () => {
  it('ends the message when its target does', async () => {
    const tested = begin<string>().loadBalance('farm', (b) => b.target('a', (s) => s.stop('enough')))
    expect((await run(tested, 'x')).stop).toMatchObject({ ending: 'done' })
  })

  it('refuses what makes no sense when it is built', () => {
    expect(() => balancer({})).toThrow(/has no branch/)
    expect(() => balancer({ a: 0, b: 0 })).toThrow(/all its targets have the weight 0.*1 or more/)
    for (const weight of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001])
      expect(() => balancer({ a: weight })).toThrow(/weight of the target "a" is a whole number from 0/)
    expect(() => balancer({ a: 1 }, { choose: () => 'a' })).toThrow(/has a weight, but a function chooses/)
    expect(() => balancer({ a: 1 }, 'sticky' as never)).toThrow(/by is 'roundRobin', .*not "sticky"/)
    expect(() => balancer({ a: 1 }, {} as never)).toThrow(/not an object/)
    expect(balancer({ a: 1 }).definition.steps[0]?.options).toEqual({
      by: 'roundRobin',
      weights: [1],
      scope: 'tested/farm',
    })
    expect(balancer({ a: 1 }, 'random').definition.steps[0]?.options['scope']).toBeUndefined()
  })
})
