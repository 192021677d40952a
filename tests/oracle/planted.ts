/** Wrong expectations: a case with one thing changed that only one of the two engines gets. The comparison must notice. */
import type { Case, Completion, Outcome, Step, Test } from './case.ts'

/** Changes the first step that something can be changed of; null where there is none. */
export function planted(one: Case): Case | null {
  for (const [place, step] of one.steps.entries()) {
    const other = plantedIn(step)
    if (other !== null) return { ...one, steps: one.steps.with(place, other) }
  }
  return null
}

const opposite = (test: Test): Test =>
  'below' in test
    ? { below: test.below + 2 }
    : {
        mod: test.mod,
        of: Array.from({ length: test.mod }, (_none, rest) => rest).filter((rest) => !test.of.includes(rest)),
      }

const first = (steps: readonly Step[]): readonly Step[] => [{ do: 'mark', with: 'planted' }, ...steps]

function plantedIn(step: Step): Step | null {
  switch (step.do) {
    case 'filter':
      return { ...step, when: opposite(step.when) }
    case 'choice':
      return { ...step, branches: step.branches.toReversed(), otherwise: null }
    case 'split':
      return { ...step, each: first(step.each) }
    case 'multicast':
    case 'recipients':
    case 'slip':
    case 'router':
      return { ...step, branches: exchanged(step.branches) }
    case 'balance':
      return { ...step, by: step.by === 'roundRobin' ? 'sticky' : 'roundRobin' }
    case 'failover':
      return { ...step, errors: step.errors === 'any' ? 'io' : 'any', attempts: 1 }
    case 'breaker':
      return { ...step, minimum: step.minimum + 1 }
    case 'dedupe':
      return { ...step, remember: step.remember === 'seen' ? 'unlessFailed' : 'seen' }
    case 'loop':
      return { ...step, copy: !step.copy }
    case 'claim':
      return { ...step, op: step.op === 'set' ? 'push' : 'set' }
    case 'sort':
      return { ...step, by: step.by === 'up' ? 'down' : 'up' }
    case 'enrich':
      return { ...step, replaces: !step.replaces, rescued: false }
    case 'aggregate':
      return { ...step, complete: otherCompletion(step.complete) }
    case 'resequence':
      return { ...step, timeout: step.timeout + 1 }
    default:
      return null
  }
}

/** The names stay, and what is behind the first two of them changes places. */
function exchanged<T extends { readonly steps: readonly Step[] }>(branches: readonly T[]): readonly T[] {
  const [one, two, ...rest] = branches
  if (one === undefined || two === undefined) return branches
  return [{ ...one, steps: two.steps }, { ...two, steps: one.steps }, ...rest]
}

function otherCompletion({ size, sum, last, timeout, ...rest }: Completion): Completion {
  return {
    ...rest,
    ...(size === undefined ? {} : { size: size + 1 }),
    ...(sum === undefined ? {} : { sum: sum + 5 }),
    ...(last === undefined ? {} : { last: opposite(last) }),
    ...(timeout === undefined ? {} : { timeout: timeout + 1 }),
    ...(rest.sizeOfMember === true ? { sizeOfMember: false, size: 3 } : {}),
  }
}

/** An outcome with one thing changed. */
export interface Altered {
  readonly what: string
  readonly outcome: Outcome
}

/** All ways in which an answer is altered to see whether the comparison notices. */
export function alterations({ seen, ends }: Outcome, ordered: boolean): readonly Altered[] {
  const [one, two] = seen
  const altered: Altered[] = [
    {
      what: 'an ending',
      outcome: { seen, ends: ends.with(0, ends[0] === 'failed' ? 'ended' : 'failed') },
    },
    { what: 'a message fewer', outcome: { seen, ends: ends.slice(1) } },
  ]
  if (one === undefined) return altered
  altered.push(
    { what: 'an observation that is missing', outcome: { seen: seen.slice(1), ends } },
    { what: 'an observation made twice', outcome: { seen: [one, ...seen], ends } },
    { what: 'a body', outcome: { seen: [{ ...one, body: { other: one.body } }, ...seen.slice(1)], ends } },
    { what: 'a place', outcome: { seen: [{ ...one, at: `${one.at}!` }, ...seen.slice(1)], ends } },
  )
  if (one.tick !== undefined)
    altered.push({
      what: 'a time',
      outcome: { seen: [{ ...one, tick: one.tick + 1 }, ...seen.slice(1)], ends },
    })
  if (ordered && two !== undefined && JSON.stringify(one) !== JSON.stringify(two))
    altered.push({ what: 'the order', outcome: { seen: [two, one, ...seen.slice(2)], ends } })
  return altered
}
