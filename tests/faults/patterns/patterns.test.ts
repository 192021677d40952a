import { describe, expect, it } from 'vitest'
import { patterns } from '../../../packages/linkspan/src/patterns/index.ts'
import type { Control } from './controls.ts'
import { findControl } from './find-control.ts'
import { generate, stepsOf } from './generate.ts'
import { KINDS } from './kinds/index.ts'
import { interpret } from './reference.ts'
import { retold } from './retold.ts'
import { run } from './run.ts'
import { runSeeds } from './seeds.ts'

const SEEDS = 20

it(`is as the reference has it over ${SEEDS} seeds of random flows, killed at random`, async () => {
  const { failed, seeds, repeated, figures } = await runSeeds({ first: 1, count: SEEDS, repeatEvery: 10 })
  const [first] = failed
  if (first) throw new Error(retold(await run(first.seed)))
  process.stdout.write(`${JSON.stringify({ seeds, repeated, ...figures })}\n`)
  expect(repeated).toBe(2)
  // What is judged is there: none of this holds of runs in which nothing happens.
  expect(figures.kills).toBeGreaterThan(SEEDS)
  expect(figures.effects).toBeGreaterThan(figures.messages)
})

describe('with a fault planted something is found', () => {
  it.each<Control>(['joinMissesOne', 'stateTwice', 'dedupeForgets', 'marksChange'])('%s', async (control) => {
    const found = await findControl(control)
    expect(found, control).not.toBeNull()
    process.stdout.write(`${control}: seed ${found?.seed}, ${found?.kinds.join(', ')}\n`)
  })
})

/** Kinds of steps that random flows do not have, each with the reason. */
const NOT_DRAWN: Readonly<Record<string, string>> = {
  control:
    "no builder method makes it: it is the step of the engine's own flow, for what is asked of it from outside",
  onCompletion: 'it is drawn as a part of a flow, and not among the steps of a sequence',
}

it('draws every kind of step that there is', () => {
  const missing = patterns.map(({ kind }) => kind).filter((kind) => !KINDS.has(kind) && !(kind in NOT_DRAWN))
  expect(
    missing,
    `Random flows do not have the steps ${missing.join(', ')}. Say in tests/faults/patterns/kinds how each is drawn, built and interpreted, or name it in NOT_DRAWN with the reason.`,
  ).toEqual([])
  expect(Object.keys(NOT_DRAWN).filter((kind) => KINDS.has(kind))).toEqual([])
})

it('meets every kind of step within a few hundred seeds', () => {
  const drawn = new Map<string, number>()
  const met = new Map<string, number>()
  for (let seed = 1; seed <= 300; seed += 1) {
    const recipe = generate(seed)
    for (const [kind, times] of Object.entries(stepsOf(recipe)))
      drawn.set(kind, (drawn.get(kind) ?? 0) + times)
    for (const [kind, times] of Object.entries(interpret(recipe).visits))
      met.set(kind, (met.get(kind) ?? 0) + times)
  }
  for (const kind of [...KINDS.keys(), 'onCompletion']) {
    expect(drawn.get(kind), kind).toBeGreaterThan(20)
    expect(met.get(kind), kind).toBeGreaterThan(20)
  }
})

it('draws the same from a seed each time, and something else from another', () => {
  expect(generate(7)).toEqual(generate(7))
  expect(generate(7)).not.toEqual(generate(8))
})
