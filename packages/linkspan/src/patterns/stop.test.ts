import { describe, expect, it } from 'vitest'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

describe('stop', () => {
  it('ends the message as done, and no step after it runs', async () => {
    const tested = begin<number>()
      .choice('sign', (c) =>
        c.when(
          'negative',
          (n) => n < 0,
          (s) => s.stop('enough'),
        ),
      )
      .map((n) => n + 1)
    expect(await run(tested, -1)).toMatchObject({
      stop: { kind: 'end', ending: 'done', reason: '"enough" stopped it' },
      body: -1,
      atOnce: true,
    })
    expect((await run(tested, 1)).body).toBe(2)
  })

  it('ends a child only, which has nothing for the join', async () => {
    const around = world()
    const tested = begin<number[]>().split(
      'each',
      (all) => all,
      (s) =>
        s.choice('odd', (c) =>
          c
            .when(
              'odd',
              (n) => n % 2 === 1,
              (odd) => odd.stop('odd'),
            )
            .otherwise((even) => even.map((n) => n * 10)),
        ),
      { join: 'collect', as: 'tens' },
    )
    expect((await run(tested, [1, 2, 3, 4], around)).names).toEqual({ tens: [20, 40] })
    expect(around.happened.children.map(({ ending }) => ending)).toEqual(['done', 'done', 'done', 'done'])
  })
})
