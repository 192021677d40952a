/** A failover by Camel's rules, and by Linkspan's where those differ. */
import type { AnyBody } from '../bodies.ts'
import type { Case, Outcome, Seen, Step } from '../case.ts'
import { type Ran, runSteps } from './steps.ts'

/** A rule that can be Camel's or Linkspan's. */
export type FailoverRule = 'failover-goes-round' | 'failover-keeps-what-did-it' | 'failover-repeats-no-effect'

type FailoverStep = Extract<Step, { do: 'failover' }>
type Is = (rule: FailoverRule) => boolean

/** What a failover remembers from one message to the next. */
interface Memory {
  /** The target that a message came to last. */
  turn: number
  /** The target that did it last. */
  good: number
}

/** Answers which targets are tried, with those of Linkspan's rules that are named. */
export function triesOfTargets(one: Case, rules: ReadonlySet<string>): Outcome | null {
  const [step, ...behind] = one.steps
  if (step?.do !== 'failover') return null
  const is: Is = (rule) => rules.has(rule)
  const memory: Memory = { turn: -1, good: 0 }
  const seen: Seen[] = []
  const see = (each: Seen): void => void seen.push(each)
  const ends = one.messages.map(({ body }) => {
    const ran = tried(step, { ...body }, memory, is, see)
    if ('failed' in ran) return 'failed'
    return 'failed' in runSteps(behind, ran.body, see) ? 'failed' : 'ended'
  })
  return { seen, ends }
}

function tried(step: FailoverStep, body: AnyBody, memory: Memory, is: Is, see: (seen: Seen) => void): Ran {
  const { targets, errors, start } = step
  const most = mostOf(step, is)
  const before = new Set<number>()
  let at = firstOf(step, memory)
  for (let attempt = 1; ; attempt += 1) {
    const isOnRecord = before.has(at) && is('failover-repeats-no-effect')
    const ran = runSteps(targets[at]?.steps ?? [], body, isOnRecord ? unseen : see)
    before.add(at)
    const goesOn = 'failed' in ran && (errors === 'any' || ran.failed === errors)
    if (!goesOn) {
      if (!('failed' in ran) || !is('failover-keeps-what-did-it')) memory.good = at
      return ran
    }
    if (attempt >= most) return ran
    at += 1
    if (at === targets.length) {
      if (start !== 'roundRobin' && !is('failover-goes-round')) return ran
      at = 0
    }
    memory.turn = at
  }
}

const unseen = (): void => undefined

function mostOf({ attempts, targets }: FailoverStep, is: Is): number {
  return attempts ?? (is('failover-goes-round') ? targets.length : Number.POSITIVE_INFINITY)
}

function firstOf({ start, targets }: FailoverStep, memory: Memory): number {
  if (start === 'first') return 0
  if (start === 'sticky') return memory.good
  memory.turn = (memory.turn + 1) % targets.length
  return memory.turn
}
