/** What all generators draw: messages, tests, the steps of a branch. */
import type { Draws } from '../../faults/simulation/draws.ts'
import { bodyWith } from '../bodies.ts'
import type { Body, Branch, Case, Sent, Step, Test } from '../case.ts'

/** A case without its name. */
export type Drawn = Omit<Case, 'id' | 'pattern'>

/** Draws a case of a pattern. */
export type Generator = (draws: Draws) => Drawn

const KEYS = ['a', 'b', 'c'] as const
export const NAMES = ['one', 'two', 'three', 'four'] as const

/** A test that some numbers pass; it may throw for others. */
export function drawTest({ whole, pick, some, chance }: Draws): Test {
  const mod = whole(2, 4)
  const rests = Array.from({ length: mod }, (_none, rest) => rest)
  const of = some(rests, 0.5)
  const others = rests.filter((rest) => !of.includes(rest))
  return others.length > 0 && chance(0.15) ? { mod, of, throws: [pick(others)] } : { mod, of }
}

/** A test that one number in a few passes. */
export const rareTest = ({ whole, pick }: Draws): Test => {
  const mod = whole(3, 5)
  return { mod, of: [pick(Array.from({ length: mod }, (_none, rest) => rest))] }
}

/** Steps that leave a trace: they mark, may add, may fail, may filter, and are seen. */
export function drawSteps(draws: Draws, name: string, mayFilter = false): readonly Step[] {
  const { chance, whole } = draws
  const steps: Step[] = [{ do: 'mark', with: name }]
  if (chance(0.4)) steps.push({ do: 'add', by: whole(1, 3) })
  if (chance(0.3)) steps.push({ do: 'fail', when: rareTest(draws) })
  if (mayFilter && chance(0.25)) steps.push({ do: 'filter', when: drawTest(draws) })
  steps.push({ do: 'see', at: name })
  return steps
}

/** Named branches. */
export function drawBranches(draws: Draws, mayFilter = false): readonly Branch[] {
  return NAMES.slice(0, draws.whole(2, 4)).map((name) => ({ name, steps: drawSteps(draws, name, mayFilter) }))
}

/** What is behind the pattern: it shows the body that goes on. */
export const BEHIND: readonly Step[] = [
  { do: 'mark', with: 'behind' },
  { do: 'see', at: 'behind' },
]

/** A body with a number as its name. */
export function drawBody({ whole, pick }: Draws, index: number, set: Partial<Body> = {}): Body {
  return bodyWith({
    id: `m${index}`,
    k: pick(KEYS),
    n: whole(0, 30),
    items: Array.from({ length: whole(0, 5) }, () => whole(0, 20)),
    ...set,
  })
}

/** Some messages, one after the other. */
export function drawMessages(
  draws: Draws,
  set: (index: number) => Partial<Body> = () => ({}),
  [least, most]: readonly [number, number] = [3, 8],
): readonly Sent[] {
  return Array.from({ length: draws.whole(least, most) }, (_none, at) => ({
    at,
    body: drawBody(draws, at, set(at)),
  }))
}

/** A case in which time plays no part. */
export function untimed(steps: readonly Step[], messages: readonly Sent[], ordered = true): Drawn {
  return { steps, messages, ticks: 0, ordered }
}

/** Lists of names, some of which no branch has. */
export function drawNames({ whole, pick, chance }: Draws, branches: readonly Branch[]): readonly string[] {
  const known = branches.map(({ name }) => name)
  return Array.from({ length: whole(0, 4) }, () => (chance(0.08) ? 'nobody' : pick(known)))
}
