import { describe, expect, it } from 'vitest'
import { bodyWith } from './bodies.ts'
import type { Body, Case, Outcome, Sent, Step } from './case.ts'
import { runInLinkspan } from './linkspan.ts'

const at = (tick: number, set: Partial<Body> = {}): Sent => ({ at: tick, body: bodyWith(set) })
const run = (steps: readonly Step[], messages: readonly Sent[] = [at(0)], ticks = 0): Promise<Outcome> => {
  const one: Case = {
    id: 'a case',
    pattern: 'any',
    steps: [...steps, { do: 'see', at: 'end' }],
    messages,
    ticks,
    ordered: true,
  }
  return runInLinkspan(one)
}
const trails = ({ seen }: Outcome): readonly (readonly string[])[] =>
  seen.map(({ at: where, body: each }) => [where, ...(each as unknown as Body).trail])
const mark = (text: string): Step => ({ do: 'mark', with: text })
const see = (where: string): Step => ({ do: 'see', at: where })
const odd = { mod: 2, of: [1] }
const alone = { parallel: false, stopOnError: false } as const
const branches = [
  { name: 'one', steps: [mark('1'), see('one')] },
  { name: 'two', steps: [mark('2'), see('two')] },
]

describe('a case in Linkspan', () => {
  it('shows what is seen, and how messages end', async () => {
    const { seen, ends } = await run([{ do: 'fail', when: odd }, mark('x')], [at(0), at(0, { n: 2 })])
    expect(seen).toEqual([{ at: 'end', body: bodyWith({ n: 2, trail: ['x'] }) }])
    expect(ends).toEqual(['failed', 'ended'])
  })

  it('chooses, filters, and fails where a test throws', async () => {
    const choice: Step = {
      do: 'choice',
      branches: [{ when: { mod: 3, of: [1], throws: [0] }, steps: [mark('one')] }],
      otherwise: [mark('other')],
    }
    const outcome = await run(
      [choice, { do: 'filter', when: odd }],
      [at(0), at(0, { n: 5 }), at(0, { n: 2 }), at(0, { n: 3 })],
    )
    expect(trails(outcome)).toEqual([
      ['end', 'one'],
      ['end', 'other'],
    ])
    expect(outcome.ends).toEqual(['ended', 'ended', 'ended', 'failed'])
  })

  it('splits and fans out one after the other, and joins', async () => {
    const each: readonly Step[] = [
      { do: 'fail', when: { mod: 9, of: [0] } },
      { do: 'add', by: 1 },
    ]
    const split = await run([{ do: 'split', each, join: 'collect', ...alone }], [at(0, { items: [5, 9, 6] })])
    expect(split.seen[0]?.body).toMatchObject({
      n: 1,
      joined: [
        { n: 6, trail: [] },
        { n: 7, trail: [] },
      ],
    })
    const both = await run([{ do: 'multicast', branches, join: 'latest', ...alone }])
    expect(trails(both)).toEqual([
      ['one', '1'],
      ['two', '2'],
      ['end', '2'],
    ])
    const to = { to: ['two', 'one', 'two'] }
    const listed = await run(
      [{ do: 'recipients', branches, ignoreUnknown: false, join: 'none', ...alone }],
      [at(0, to)],
    )
    expect(trails(listed)).toEqual([['two', '2'], ['one', '1'], ['two', '2'], ['end']])
  })

  it('follows a slip, a router, a loop', async () => {
    const slip = await run([{ do: 'slip', branches, ignoreUnknown: false }], [at(0, { to: ['two', 'one'] })])
    expect(trails(slip)).toEqual([
      ['two', '2'],
      ['one', '2', '1'],
      ['end', '2', '1'],
    ])
    const adding = branches.map((each) => ({
      ...each,
      steps: [{ do: 'add', by: 1 } as const, ...each.steps],
    }))
    const router = await run([{ do: 'router', branches: adding, table: ['one', 'two'], until: 3 }])
    expect(trails(router).at(-1)).toEqual(['end', '2', '1'])
    const loop = await run([{ do: 'loop', times: 2, copy: false, steps: [{ do: 'turn' }] }])
    expect(trails(loop)).toEqual([['end', 'turn 0', 'turn 1']])
  })

  it('takes turns, remembers, keeps claims, sorts, asks', async () => {
    const targets = branches.map((each) => ({ ...each, weight: 1 }))
    const turns = await run([{ do: 'balance', by: 'roundRobin', targets }], [at(0), at(0), at(0)])
    expect(trails(turns).filter(([where]) => where !== 'end')).toEqual([
      ['one', '1'],
      ['two', '2'],
      ['one', '1'],
    ])
    expect((await run([{ do: 'dedupe', remember: 'seen' }], [at(0), at(0)])).seen).toHaveLength(1)
    const claim = await run([
      { do: 'claim', op: 'push', key: '' },
      mark('lost'),
      { do: 'claim', op: 'pop', key: '' },
      mark('kept'),
    ])
    expect(trails(claim)).toEqual([['end', 'kept']])
    const sorted = await run([{ do: 'sort', by: { mod: 10 } }], [at(0, { items: [12, 21, 31, 2] })])
    expect(sorted.seen[0]?.body).toMatchObject({ items: [21, 31, 12, 2], n: 1 })
    const resource: readonly Step[] = [
      { do: 'add', by: 5 },
      { do: 'fail', when: { mod: 7, of: [0] } },
    ]
    const asked = await run(
      [{ do: 'enrich', resource, replaces: false, rescued: true }],
      [at(0), at(0, { n: 2 })],
    )
    expect(asked.seen.map(({ body: each }) => (each as { got: unknown }).got)).toEqual([
      { n: 6, trail: [] },
      null,
    ])
  })

  it('puts groups together by time, and sequences in order, at the ticks of its clock', async () => {
    const groups = await run(
      [{ do: 'aggregate', complete: { size: 2, timeout: 2.5 } }],
      [at(0, { id: 'x' }), at(1, { id: 'y' }), at(3, { id: 'z' })],
      9,
    )
    expect(groups.seen.map(({ tick, body: each }) => [tick, each])).toEqual([
      [1, { k: 'a', ids: ['x', 'y'], n: 2, by: 'size' }],
      [5, { k: 'a', ids: ['z'], n: 1, by: 'timeout' }],
    ])
    const order = await run(
      [{ do: 'resequence', timeout: 1.5, late: 'fail' }],
      [at(0, { n: 3 }), at(1, { n: 2 }), at(4, { n: 1 })],
      9,
    )
    expect(order.seen.map(({ tick, body: each }) => [tick, (each as unknown as Body).n])).toEqual([
      [1, 2],
      [1, 3],
    ])
    expect(order.ends).toEqual(['ended', 'ended', 'failed'])
    const delayed = await run([{ do: 'delay', ticks: 1.5 }], [at(2)], 9)
    expect(delayed.seen.map(({ tick }) => tick)).toEqual([3])
  })

  it('goes from a target that fails to the next one, and leaves alone what fails', async () => {
    const failing: Step = { do: 'fail', when: odd, as: 'io' }
    const targets = [
      { name: 'one', steps: [see('one'), failing] },
      { name: 'two', steps: [mark('2'), see('two')] },
    ]
    const failover = (errors: 'any' | 'io'): Step => ({
      do: 'failover',
      targets,
      errors,
      attempts: null,
      start: 'first',
    })
    expect(trails(await run([failover('io')])).map(([where]) => where)).toEqual(['one', 'two', 'end'])
    const other = targets.map((each) => ({ ...each, steps: [see(each.name), { ...failing, as: undefined }] }))
    const notMeant = await run([{ ...failover('io'), targets: other } as Step])
    expect(trails(notMeant)).toEqual([['one']])
    const breaker: Step = {
      do: 'breaker',
      steps: [failing],
      calls: 2,
      minimum: 2,
      openFor: 2.5,
      trials: 1,
      fallback: null,
    }
    const times = [0, 1, 2, 3, 4].map((tick) => at(tick, { n: tick < 2 ? 1 : 2 }))
    expect((await run([breaker], times, 9)).ends).toEqual(['failed', 'failed', 'failed', 'failed', 'ended'])
  })

  it('puts batches in order, and completes all groups by signal, at intervals, and as it stops', async () => {
    const batch = { size: 3, reverse: true, twice: false }
    const order = await run(
      [{ do: 'resequence', timeout: 2.5, late: 'fail', batch }],
      [at(0, { n: 1 }), at(1, { n: 5 }), at(2, { n: 3 }), at(3, { n: 9 })],
      9,
    )
    expect(order.seen.map(({ tick, body: each }) => [tick, (each as unknown as Body).n])).toEqual([
      [2, 5],
      [2, 3],
      [2, 1],
      [5, 9],
    ])
    const by = ({ seen }: Outcome): readonly unknown[] =>
      seen.map(({ tick, body: each }) => [tick, (each as { by: unknown }).by])
    const signalled = await run(
      [{ do: 'aggregate', complete: { size: 9 } }],
      [at(0), at(0, { signal: 'all' })],
    )
    expect(by(signalled)).toEqual([[undefined, 'forced']])
    const one: Case = {
      id: 'a case',
      pattern: 'any',
      steps: [{ do: 'aggregate', complete: { interval: 4 } }, see('end')],
      messages: [at(0), at(3)],
      ticks: 9,
      ordered: true,
    }
    expect(by(await runInLinkspan(one))).toEqual([[3, 'interval']])
    expect(by(await runInLinkspan({ ...one, begins: 2 }))).toEqual([
      [1, 'interval'],
      [5, 'interval'],
    ])
    const steps: readonly Step[] = [{ do: 'aggregate', complete: { size: 9, onStop: true } }, see('end')]
    expect(by(await runInLinkspan({ ...one, steps, ticks: 0, stops: true }))).toEqual([[undefined, 'forced']])
  })
})
