/** Cases with some steps changed, wherever they stand. */
import type { Case, Step } from './case.ts'

/**
 * What the steps of a scope belong to: the message itself, a message of their own (a part, a copy), or the same message
 * inside another step.
 */
export type Scope = 'message' | 'child' | 'inner'

/** Changes one step, or leaves it as it is. */
export type Change = (step: Step, scope: Scope) => Step

/** A case with each step changed, the inner ones first; null where nothing was. */
export function rewritten(one: Case, change: Change): Case | null {
  const steps = listWith(one.steps, change, 'message')
  return JSON.stringify(steps) === JSON.stringify(one.steps) ? null : { ...one, steps }
}

/** Whether a step is so, wherever it stands. */
export function hasStep(steps: readonly Step[], is: (step: Step, scope: Scope) => boolean): boolean {
  let found = false
  const look: Change = (step, scope) => {
    found ||= is(step, scope)
    return step
  }
  listWith(steps, look, 'message')
  return found
}

function listWith(steps: readonly Step[], change: Change, scope: Scope): readonly Step[] {
  return steps.map((step) => change(withInner(step, change), scope))
}

interface Holding {
  readonly steps: readonly Step[]
}

function withInner(step: Step, change: Change): Step {
  const inner = (list: readonly Step[]): readonly Step[] => listWith(list, change, 'inner')
  const child = (list: readonly Step[]): readonly Step[] => listWith(list, change, 'child')
  const each = <T extends Holding>(all: readonly T[], made: typeof inner): readonly T[] =>
    all.map((one) => ({ ...one, steps: made(one.steps) }))
  switch (step.do) {
    case 'choice': {
      const otherwise = step.otherwise === null ? null : inner(step.otherwise)
      return { ...step, branches: each(step.branches, inner), otherwise }
    }
    case 'slip':
    case 'router':
      return { ...step, branches: each(step.branches, inner) }
    case 'balance':
      return { ...step, targets: each(step.targets, inner) }
    case 'breaker': {
      const fallback = step.fallback === null ? null : inner(step.fallback)
      return { ...step, steps: inner(step.steps), fallback }
    }
    case 'failover':
      return { ...step, targets: each(step.targets, inner) }
    case 'loop':
      return { ...step, steps: inner(step.steps) }
    case 'split':
      return { ...step, each: child(step.each) }
    case 'multicast':
    case 'recipients':
      return { ...step, branches: each(step.branches, child) }
    default:
      return step
  }
}
