import type { Case, Outcome, Seen, Step } from '../case.ts'
import type { Model } from './model.ts'
import { runSteps } from './steps.ts'

type Balance = Extract<Step, { do: 'balance' }>

/** Round robin with weights: Camel's turns, or spread evenly. */
export const turnsOfTargets: Model = (one, differences) => {
  const [step, ...behind] = one.steps
  if (step?.do !== 'balance' || step.by !== 'weighted') return null
  return outcomeOf(one, step, behind, differences.size > 0 ? evenly(step) : inTurn(step))
}

function outcomeOf(
  { messages }: Case,
  { targets }: Balance,
  behind: readonly Step[],
  next: () => number,
): Outcome {
  const seen: Seen[] = []
  const ends = messages.map(({ body }) => {
    const steps = [...(targets[next()]?.steps ?? []), ...behind]
    return 'failed' in runSteps(steps, { ...body }, (each) => seen.push(each)) ? 'failed' : 'ended'
  })
  return { seen, ends }
}

/** All in turn that have turns left; when none has, all have as many as they weigh. */
function inTurn({ targets }: Balance): () => number {
  let left: number[] = []
  let at = -1
  return () => {
    if (left.every((turns) => turns === 0)) {
      left = targets.map(({ weight }) => weight)
      at = -1
    }
    do at = (at + 1) % left.length
    while (left[at] === 0)
    left[at] = (left[at] ?? 0) - 1
    return at
  }
}

/** The turns of a round at which a target is due lie as far apart as its weight says. */
function evenly({ targets }: Balance): () => number {
  const all = targets.reduce((sum, { weight }) => sum + weight, 0)
  let credits = targets.map(() => 0)
  return () => {
    credits = credits.map((credit, index) => credit + (targets[index]?.weight ?? 0))
    const chosen = credits.indexOf(Math.max(...credits))
    credits[chosen] = (credits[chosen] ?? 0) - all
    return chosen
  }
}
