import { describe, expect, it } from 'vitest'
import { begin, run } from './fixtures/pass-for-tests.ts'

type Issue = { kind: 'bug'; steps: string } | { kind: 'wish'; text: string } | { kind: 'question' }

describe('choice', () => {
  const sorted = begin<Issue>().choice('kind', (c) =>
    c
      .when(
        'bug',
        (issue) => issue.kind === 'bug',
        (bug) => bug.map((b) => `steps: ${b.steps}`),
      )
      .when(
        'wish',
        (issue) => issue.kind === 'wish',
        (wish) => wish.map((w) => `text: ${w.text}`),
      )
      .otherwise((rest) => rest.map((r) => r.kind)),
  )

  it('runs the first branch that fits, within the same pass', async () => {
    expect(await run(sorted, { kind: 'bug', steps: 'a' })).toMatchObject({ body: 'steps: a', atOnce: true })
    expect((await run(sorted, { kind: 'wish', text: 'b' })).body).toBe('text: b')
  })

  it('runs otherwise when none fits', async () => {
    expect((await run(sorted, { kind: 'question' })).body).toBe('question')
  })

  it('lets the body through when none fits and there is no otherwise', async () => {
    const some = begin<number>().choice('big', (c) =>
      c.when(
        'big',
        (n) => n > 9,
        (s) => s.map(() => 'big'),
      ),
    )
    expect((await run(some, 3)).body).toBe(3)
    expect((await run(some, 10)).body).toBe('big')
  })

  it('stops the message when a branch does', async () => {
    const some = begin<number>()
      .choice('drop', (c) =>
        c.when(
          'odd',
          (n) => n % 2 === 1,
          (s) => s.filter(() => false),
        ),
      )
      .map(() => 'went on')
    expect((await run(some, 1)).stop).toMatchObject({ ending: 'filtered' })
    expect((await run(some, 2)).body).toBe('went on')
  })

  it('refuses a chain that is not answered, no branch, and labels that clash', () => {
    const steps = begin<number>()
    expect(() => steps.choice('x', (() => undefined) as never)).toThrow(
      /must answer the chain it was given, but it answered undefined/,
    )
    expect(() => steps.choice('x', (c) => c)).toThrow(/has no branch/)
    expect(() =>
      steps.choice('x', (c) =>
        c
          .when(
            'a',
            () => true,
            (s) => s,
          )
          .when(
            'a',
            () => true,
            (s) => s,
          ),
      ),
    ).toThrow(/two branches called "a"/)
    expect(() =>
      steps.choice('x', (c) =>
        c.when(
          '',
          () => true,
          (s) => s,
        ),
      ),
    ).toThrow(/label of a branch is empty/)
  })
})
