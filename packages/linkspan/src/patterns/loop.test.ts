import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeOperation } from '../testing/fake-operation.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { begin, run } from './fixtures/pass-for-tests.ts'

describe('loop', () => {
  it('runs its steps a number of times, each turn on what the one before ended with', async () => {
    const doubled = begin<number>().loop('double', 3, (turn) => turn.map((n) => n * 2))
    expect(await run(doubled, 5)).toMatchObject({ body: 40, atOnce: true })
  })

  it('takes the number of turns from the message, and counts them from 0', async () => {
    const counted = begin<{ times: number; seen: number[] }>().loop(
      'count',
      ({ times }) => times,
      (turn) => turn.map((b, { turn }) => ({ ...b, seen: [...b.seen, turn] })),
    )
    expect((await run(counted, { times: 4, seen: [] })).body).toEqual({ times: 4, seen: [0, 1, 2, 3] })
    expect((await run(counted, { times: 0, seen: [] })).body).toEqual({ times: 0, seen: [] })
  })

  it('begins each turn with the first body when it copies', async () => {
    const copied = begin<number>().loop('add', 3, (turn) => turn.map((n, { turn }) => n + turn), {
      copy: true,
    })
    expect((await run(copied, 10)).body).toBe(12)
  })

  it('goes on while a predicate is true, asked before each turn', async () => {
    const halved = begin<number>().loop('halve', { while: (n) => n > 1 }, (turn) => turn.map((n) => n / 2))
    expect((await run(halved, 64)).body).toBe(1)
    expect((await run(halved, 1)).body).toBe(1)
  })

  it('has as many turns as the model, whatever the mode', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(20),
        fc.integer({ min: -50, max: 50 }),
        fc.boolean(),
        async (times, start, copy) => {
          const looped = begin<number>().loop(
            'add',
            times,
            (turn) => turn.map((n, { turn }) => n * 2 + turn),
            { copy },
          )
          let expected = start
          for (let turn = 0; turn < times; turn += 1) expected = (copy ? start : expected) * 2 + turn
          expect((await run(looped, start)).body).toBe(expected)
        },
      ),
    )
  })

  it('does not pile turns up on the stack', async () => {
    const long = begin<number>().loop('add', 100_000, (turn) => turn.map((n) => n + 1))
    expect((await run(long, 0)).body).toBe(100_000)
  })

  it('takes a loop that does not end for endless', async () => {
    const endless = begin<number>().loop('spin', { while: () => true, most: 7 }, (turn) =>
      turn.map((n) => n + 1),
    )
    await expect(run(endless, 0)).rejects.toMatchObject({
      code: 'LOOP_ENDLESS',
      details: { path: 'spin', most: 7 },
    })
  })

  it('ends the message when a turn does', async () => {
    const dropped = begin<number>().loop('drop', 5, (turn) => turn.map((n) => n + 1).filter((n) => n < 3))
    expect(await run(dropped, 0)).toMatchObject({ stop: { ending: 'filtered' }, body: 3 })
  })

  it('refuses a number of turns that is none', async () => {
    expect(() => begin<number>().loop('x', -1, (turn) => turn)).toThrow(
      /number of turns is a whole number from 0, not -1/,
    )
    expect(() => begin<number>().loop('x', undefined as never, (turn) => turn)).toThrow(
      /takes a number of turns/,
    )
    const odd = begin<number>().loop(
      'x',
      () => 1.5,
      (turn) => turn,
    )
    await expect(run(odd, 0)).rejects.toThrow(
      /needs a whole number of turns from 0, but its function answered 1.5/,
    )
  })

  it('makes each call once in its turn, wherever the engine is killed', async () => {
    const put = fakeOperation(
      'store.put',
      { kind: 'key', validFor: '24h' },
      { result: (n: number) => n * 10 },
    )
    const ask = fakeOperation(
      'store.ask',
      { kind: 'verify', settleAfter: '5s' },
      { result: (n: number) => n },
    )
    const loops = flow('loops')
      .from(inbox<{ turns: number; sum: number }>(), { key: () => 'one' })
      .loop(
        'outer',
        (b) => b.turns,
        (outer) =>
          outer
            .call('put', put, { input: (b) => b.sum, as: 'put' })
            .loop('inner', 2, (inner) =>
              inner
                .call('ask', ask, { input: (_b, { turn }) => turn, as: 'got' })
                .map((b, { got }) => ({ ...b, sum: b.sum + got })),
            )
            .split(
              'parts',
              () => [1, 2],
              (part) => part.to('each', put),
            )
            .map((b, { put }) => ({ ...b, sum: b.sum + put + 1 })),
      )
      .to('end', put, { input: (b) => b.sum })
    const report = await crashSweep(loops, ({ send }) => {
      send({ turns: 2, sum: 1 })
      send({ turns: 0, sum: 5 })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
