import type { ErrorAction, ErrorPolicy } from '../../model/policy.ts'
import type { Flow } from '../../patterns/steps.ts'
import { type Boundary, kills, type Planned } from './boundaries.ts'
import { type Allowance, differences } from './compare.ts'
import { eachStep } from './flow-steps.ts'
import type { Outcome } from './outcome.ts'
import { gaveUpByPolicy } from './policy.ts'
import type { Ran } from './run.ts'

/** What a run came to. */
export interface Verdict {
  /** How it differs where it must not. */
  readonly differences: readonly string[]
  /** How many messages took the way that their flow's policy states, as a fault used up their attempts. */
  readonly byPolicy: number
  readonly inDoubt: number
}

/** What is judged with. */
export interface JudgeOptions {
  readonly flows: readonly Flow[]
  readonly projectPolicy: ErrorAction | ErrorPolicy | undefined
}

/** Holds a run against the undisturbed one. */
export function judge(before: Ran & { outcome: Outcome }, after: Ran, options: JudgeOptions): Verdict {
  if (after.outcome === null)
    return {
      differences: [`the run did not come to its end: ${errorText(after.error)}`],
      byPolicy: 0,
      inDoubt: 0,
    }
  const { outcome } = after
  const gaveUp = familiesThatGaveUp(after, outcome, options)
  const joined = familiesOfDoubtedChildren(outcome)
  const allowed: Allowance = {
    otherWay: new Set([...gaveUp, ...joined]),
    twice: deliveryOf(before, after.plan, (fault) => fault.startsWith('twice')),
    unknowns: after.plan.length > 0,
    otherOrder: ofOneKey(before, after.plan),
  }
  const tooMany = outcome.doubts.length - before.outcome.doubts.length > mostDoubts(after.plan)
  return {
    byPolicy: gaveUp.size,
    inDoubt: outcome.doubts.length,
    differences: [
      ...differences(before.outcome, outcome, allowed),
      ...(tooMany ? [`${outcome.doubts.length} calls were in doubt, more than were disturbed`] : []),
    ],
  }
}

/** A kill leaves every call under way unknown; any other fault one call. */
function mostDoubts(plan: readonly Planned[]): number {
  return plan.some(kills) ? Number.POSITIVE_INFINITY : plan.length
}

/** Families of which a message gave up by its policy because a call of theirs was disturbed. */
function familiesThatGaveUp(
  { disturbed, boundaries, plan }: Ran,
  { names, stored }: Outcome,
  { flows, projectPolicy }: JudgeOptions,
): ReadonlySet<number> {
  const faulty = plan.some(({ at }) => {
    const kind = (boundaries[at - 1] as Boundary | undefined)?.kind
    return kind === 'call' || kind === 'question'
  })
  if (!faulty) return new Set()
  const hit = new Set([...disturbed].map((id) => names.family(id)))
  const gaveUp = stored.filter(({ id }) => hit.has(names.family(id)))
  return new Set(
    gaveUp
      .filter((message) => gaveUpByPolicy(message, flows, projectPolicy))
      .map(({ id }) => names.family(id)),
  )
}

/** A child in doubt is resolved after its parent went on without it. */
function familiesOfDoubtedChildren({ doubts, names }: Outcome): ReadonlySet<number> {
  return new Set(doubts.filter(({ id }) => id.includes('~')).map(({ id }) => names.family(id)))
}

/** The delivery at which a fault of a kind was planned. */
function deliveryOf(
  { boundaries }: Ran,
  plan: readonly Planned[],
  is: (fault: string) => boolean,
): number | null {
  const planned = plan.find(({ fault }) => is(fault))
  return planned ? ((boundaries[planned.at - 1] as Boundary | undefined)?.count ?? null) : null
}

/** Whether the two messages of a swap have the same key: then they are to take effect in their new order. */
function ofOneKey(before: Ran & { outcome: Outcome }, plan: readonly Planned[]): boolean {
  const n = deliveryOf(before, plan, (fault) => fault === 'swapped')
  if (n === null) return false
  const [first, second] = [n, n + 1].map((each) => laneOf(before.outcome, each))
  return first !== undefined && first === second
}

function laneOf({ delivered, stored }: Outcome, n: number): string | undefined {
  const id = delivered.find((delivery) => delivery.n === n)?.accepted?.id
  const message = stored.find((each) => each.id === id)
  return message === undefined || message.key === null
    ? undefined
    : JSON.stringify([message.flow, message.key])
}

/** Whether flows know a repeated delivery again: at the source, or by a step. */
export function knowsRepeats({
  flows,
  flow,
  dedupeKey,
}: {
  flows: readonly Flow[]
  flow: string
  dedupeKey: boolean
}): boolean {
  if (dedupeKey) return true
  const found = flows.find(({ definition }) => definition.name === flow)
  if (found?.definition.source.deduped) return true
  let step = false
  eachStep(found ? [found] : [], ({ kind }) => {
    step ||= kind === 'dedupe'
  })
  return step
}

/** An error for people. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
