import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { deadLetter } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

describe('onCompletion', () => {
  it('does nothing where it stands', async () => {
    const around = world()
    const tested = begin<number>()
      .onCompletion('end', (ended) => ended.map(({ ending }) => ending))
      .map((n) => n + 1)
    expect(await run(tested, 1, around)).toMatchObject({ body: 2, atOnce: true })
    expect(around.happened.detached).toEqual([])
  })

  it('refuses what is no hook', () => {
    expect(() => begin().onCompletion('end', undefined as never)).toThrow(
      /the scope of onCompletion\(\) must be a function/,
    )
    expect(() => begin().onCompletion('end', (ended) => ended, { on: 'done' as never })).toThrow(
      /on is 'success', 'failure' or 'any', not "done"/,
    )
    expect(() => begin().onCompletion('end', (ended) => ended, { on: 'toString' as never })).toThrow(
      /not "toString"/,
    )
  })

  it('may not stand in a scope', () => {
    expect(() =>
      begin<number>().choice('which', (c) =>
        c.otherwise((s) => s.onCompletion('end', (ended) => ended.map(() => 1))),
      ),
    ).toThrow(/says something of the whole flow, so it may not stand inside a scope/)
  })

  it('leaves names that are bound before it to the flow', () => {
    const counted = (n: number) => ({ state: n + 1, result: n })
    const tested = begin<number>()
      .state('count', { key: () => 'k', initial: () => 0, as: 'seen' }, counted)
      .onCompletion('end', (ended) =>
        ended.state('count', { key: () => 'k', initial: () => 0, as: 'seen' }, counted),
      )
    expect(tested.definition.steps.map(({ name }) => name)).toEqual(['count', 'end'])
  })

  it('comes to the same, wherever the engine is killed', async () => {
    const put = fakeOperation(
      'shop.put',
      { kind: 'verify', settleAfter: '1s' },
      { result: (_: unknown) => 'put' },
    )
    const tell = fakeOperation(
      'shop.tell',
      { kind: 'key', validFor: '24h' },
      { result: (_: unknown) => 'told' },
    )
    const jobs = flow('jobs', { onError: deadLetter() })
      .from(inbox<number>(), { key: (n) => n })
      .filter('wanted', (n) => n !== 0)
      .to('put', put)
      .map('checked', (n) => {
        if (n < 0) throw new Error('below zero')
        return n
      })
      .onCompletion('end', (ended) =>
        ended.to('tell', tell, {
          input: ({ body, ending, error }) => ({ body, ending, code: error?.code ?? null }),
        }),
      )
      .onCompletion(
        'failed',
        (ended) => ended.delay('later', '1h').to('tell', tell, { input: ({ body }) => ({ body }) }),
        {
          on: 'failure',
        },
      )
    const report = await crashSweep(jobs, ({ send }) => {
      for (const n of [1, 0, -1, -1]) send(n)
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
