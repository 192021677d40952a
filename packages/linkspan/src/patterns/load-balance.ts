import { LinkspanError } from '../model/errors.ts'
import type { StepCode, StepNode } from '../model/flow-definition.ts'
import { seededRandom } from '../model/hashing.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { type Branch, branchesOf, branchScope, holding } from './parts/branches.ts'
import type { Caught, Takes } from './parts/caught.ts'
import {
  certainlyNot,
  type Failover,
  type FailoverStart,
  failoverCode,
  failoverExecutor,
  failoverOptions,
  type GivenFailover,
} from './parts/failover.ts'
import { keyText } from './parts/key-text.ts'
import type { Merged } from './parts/merged.ts'
import type { CommonOptions, Draft, NewStep, Pass, Pattern, Program, StepContext } from './pattern.ts'
import type { Context, Ended, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Load Balancer: runs one of its targets within the same pass. The body after it is what the targets end with, as
     * a union; names bound in a target stay in it. Which target it was is on the message's record: a message that
     * is tried again, or wakes up after a restart, stays with its target.
     *
     * - `by: 'roundRobin'` (the default): one after the other, each as often as its weight says, spread evenly. Whose
     *   turn it is, is engine state: it survives a restart and is shared by all engines of a journal.
     * - `by: 'random'`: by chance, in the proportion of the weights. It has no state, so it is the one to take where
     *   very many messages come through.
     * - `by: { stickTo }`: messages with the same key go to the same target, in the proportion of the weights. A target
     *   more or less moves only the keys that it takes over or leaves behind.
     * - `by: { choose }`: as your function says.
     * - `by: { failover: { errors, attempts, start } }`: the first target, and when it fails, the next one. It does so at
     *   the first failure, without what the flow's error policy would try again (a policy of a step in the target comes
     *   first). When all attempts have failed, the policy decides on the last error: it tries another round, or not.
     *
     * A target of weight 0 is never chosen (`choose` and `failover` need no weights). But with `failover`, what fails in a target
     * fails the message, and the next target is not tried. What a target has done before it failed is not undone.
     *
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const large: Operation<{ id: string }, { done: boolean }, { kind: 'natural' }>
     * declare const small: Operation<{ id: string }, { done: boolean }, { kind: 'natural' }>
     * const render = flow('render')
     *   .from(inbox<{ id: string }>())
     *   .loadBalance('farm', (b) => b
     *     .target('large', (s) => s.call('large', large), { weight: 3 })
     *     .target('small', (s) => s.call('small', small)))
     *   .map('done', ({ done }) => done)
     * ```
     */
    loadBalance<O, H extends FlowFacts, L extends string>(
      name: string,
      build: (targets: Targets<B, N, F, never, F, never>) => Balanced<O, H, L>,
      options?: LoadBalanceOptions<B, N, NoInfer<L>>,
    ): Steps<O, N, Merged<F, H>>
  }
}

/** The targets of a load balancer so far: called `L`, they end with `O` or reply by `H`. */
export interface Targets<B, N, F extends FlowFacts, O, H extends FlowFacts, L extends string>
  extends Balanced<O, H, L> {
  target<L2 extends string, O2, H2 extends FlowFacts>(
    label: L2,
    scope: (target: Steps<B, N, F>) => Ended<O2, H2>,
    options?: TargetOptions,
  ): Targets<B, N, F, O | O2, Merged<H, H2>, L | L2>
}

/** A load balancer with its targets. */
export interface Balanced<O, H extends FlowFacts, L extends string> {
  /** The labels of its targets so far. */
  readonly labels: readonly string[]
  /** Phantom: what its targets end with and reply, and their labels. Never set. */
  readonly __balanced?: () => readonly [O, H, L]
}

/** How often a target is chosen. */
export interface TargetOptions {
  /** Its share in proportion to the others': a whole number; 0 is never chosen. @default 1 */
  readonly weight?: number
}

/** How the targets are chosen. */
export interface LoadBalanceOptions<B, N, L extends string> extends CommonOptions {
  /** @default 'roundRobin' */
  readonly by?: 'roundRobin' | 'random' | StickTo<B, N> | Choose<B, N, L> | FailOver<B, N>
  /** Steps with the same scope take turns together, or begin with the same target. @default the flow and the step */
  readonly scope?: string
}

/** Chooses by a key. */
export interface StickTo<B, N> {
  /** What messages have in common that go to the same target; not empty. Synchronous and pure. */
  readonly stickTo: (body: B, ctx: Context<N>) => string
}

/** Chooses by a function. */
export interface Choose<B, N, L extends string> {
  /** Answers the label of a target. Synchronous and pure. */
  readonly choose: (body: B, ctx: Context<N>) => L
}

/** Goes from a target that fails to the next one. */
export interface FailOver<B, N> {
  readonly failover: {
    /**
     * With which errors it goes to the next target; with others the policies decide, and the same target is tried again.
     * @default those of which it is certain that the call did not take effect: not time limits and connections that broke
     */
    readonly errors?: Caught<B, N>
    /** How many targets are tried for a message, the first included; more than there are begin again. @default each once */
    readonly attempts?: number
    /** Which is tried first: the first one, one after the other, or the one that did it last. @default 'first' */
    readonly start?: FailoverStart
  }
}

type KeyOf = (body: unknown, ctx: StepContext) => unknown

interface GivenBalance extends CommonOptions {
  readonly by?:
    | 'roundRobin'
    | 'random'
    | { readonly stickTo?: KeyOf; readonly choose?: KeyOf; readonly failover?: GivenFailover }
  readonly scope?: string
}

interface WeightedBranch extends Branch {
  readonly weight: number | undefined
}

/** The targets of a compiled step. */
interface Target {
  readonly label: string
  readonly weight: number
}

/** The `loadBalance` step. */
export const loadBalance: Pattern = {
  kind: 'loadBalance',
  stepClass: 'scope',
  summary:
    'Runs one of several targets, in turn, by chance, by key, as a function says, or the next when one fails (Load Balancer).',
  methods: {
    loadBalance: (draft, name: string, build: (targets: unknown) => unknown, given: GivenBalance = {}) =>
      draft.add(balanceStep(draft, name, build, given)),
  },
  drawn: 'branches',
  goesOn: () => false,
  detail: ({ options }) => `loadBalance ${options['by']}`,
  compile(node, code, { path, program }) {
    const weights = node.options['weights'] as readonly number[]
    const targets = node.scopes.map(({ label }, at) => ({ label, weight: weights[at] as number }))
    const programs = new Map(node.scopes.map(({ label, name }) => [label, program(name)]))
    if (node.options['by'] === 'failover') return failoverExecutor(failoverOf(node, code, path, programs))
    const rule = { path, targets, code, scope: node.options['scope'] as string }
    const choose = RULES[node.options['by'] as Exclude<Rule, 'failover'>]
    return (pass) => {
      const label = choose(pass, rule)
      if (typeof label === 'string') return programs.get(label)?.run(pass)
      return label.then((chosen) => programs.get(chosen)?.run(pass))
    }
  },
}

type Rule = 'roundRobin' | 'random' | 'stickTo' | 'choose' | 'failover'

interface Balance {
  readonly path: string
  readonly targets: readonly Target[]
  readonly code: Readonly<Record<string, unknown>>
  readonly scope: string
}

const RULES: Readonly<
  Record<Exclude<Rule, 'failover'>, (pass: Pass, balance: Balance) => string | Promise<string>>
> = {
  roundRobin: inTurn,
  random: (pass, balance) => kept(pass, balance, (context) => byShare(balance.targets, context.random())),
  stickTo: (pass, balance) =>
    kept(pass, balance, (context) => {
      const key = (balance.code['stickTo'] as KeyOf)(pass.body, context)
      return byKey(balance.targets, keyText(key, balance.path, 'what messages stick to'))
    }),
  choose: (pass, balance) =>
    kept(pass, balance, (context) => {
      const label = answered((balance.code['choose'] as KeyOf)(pass.body, context), balance.path)
      if (isTarget(label, balance)) return label
      throw unknownTarget(label, balance)
    }),
}

function failoverOf(
  { options }: StepNode,
  code: StepCode,
  path: string,
  programs: ReadonlyMap<string, Program>,
): Failover {
  return {
    path,
    scope: options['scope'] as string,
    labels: [...programs.keys()],
    programs,
    attempts: (options['attempts'] as number | null) ?? programs.size,
    start: options['start'] as FailoverStart,
    errors: (code['errors'] ?? certainlyNot) as Takes,
  }
}

/** The target on record, or the one that is chosen now and goes on record. */
function kept(pass: Pass, balance: Balance, choose: (context: StepContext) => string): string {
  const { path } = balance
  const context = pass.enter(path)
  const recorded = pass.recall(path)?.value
  if (isTarget(recorded, balance)) return recorded
  const label = choose(context)
  pass.record(path, label)
  return label
}

async function inTurn(pass: Pass, balance: Balance): Promise<string> {
  const { path, targets, scope } = balance
  pass.enter(path)
  const label = await pass.update(path, scope, '', (present) => nextTurn(targets, present))
  // Its target has gone since it was chosen: what was done there parks the message, otherwise any other will do.
  return isTarget(label, balance) ? label : byShare(targets, pass.enter(path).random())
}

/**
 * Whose turn it is: each target gains its weight, the one with the most is chosen and pays what all have gained. So
 * each is chosen as often as its weight says in any round of as many turns as all weights together, and spread evenly.
 */
function nextTurn(
  targets: readonly Target[],
  present: Json,
): { readonly value: Json; readonly result: string } {
  const before = (present ?? {}) as Readonly<Record<string, number>>
  const same = Object.keys(before).length === targets.length && targets.every(({ label }) => label in before)
  const gained = targets.map(({ label, weight }) => ({
    label,
    weight,
    credit: (same ? (before[label] ?? 0) : 0) + weight,
  }))
  const chosen = gained
    .filter(({ weight }) => weight > 0)
    .reduce((best, target) => (target.credit > best.credit ? target : best))
  const all = targets.reduce((sum, { weight }) => sum + weight, 0)
  const value = Object.fromEntries(
    gained.map(({ label, credit }) => [label, label === chosen.label ? credit - all : credit]),
  )
  return { value, result: chosen.label }
}

function byShare(targets: readonly Target[], chance: number): string {
  const all = targets.reduce((sum, { weight }) => sum + weight, 0)
  let left = chance * all
  const chosen = targets.find(({ weight }) => {
    left -= weight
    return left < 0
  })
  return (chosen as Target).label
}

/** Rendezvous hashing: the target that scores highest for the key; the others' scores do not depend on it. */
function byKey(targets: readonly Target[], key: string): string {
  const scored = targets
    .filter(({ weight }) => weight > 0)
    .map(({ label, weight }) => ({
      label,
      score: -weight / Math.log(seededRandom(`${label}\u0000${key}`, 1)),
    }))
  return scored.reduce((best, target) => (target.score > best.score ? target : best)).label
}

function isTarget(label: unknown, { targets }: Balance): label is string {
  return targets.some((target) => target.label === label)
}

function unknownTarget(label: unknown, { path, targets }: Balance): LinkspanError {
  const known = targets.map((target) => target.label)
  return new LinkspanError(
    'STEP_FAILED',
    `The function of the load balancer "${path}" chose ${shown(label)}, which is none of its targets: ${known.join(', ')}.`,
    { details: { path, target: String(label), known } },
  )
}

function balanceStep(
  draft: Draft,
  name: string,
  build: (targets: unknown) => unknown,
  given: GivenBalance,
): NewStep {
  const answer = needFunction(build, 'the targets of loadBalance()', name)(chain(draft, name, []))
  const list = branchesOf(answer, 'loadBalance', name) as readonly WeightedBranch[]
  const { rule, code, options = {} } = ruleOf(given.by ?? 'roundRobin', name)
  return {
    kind: 'loadBalance',
    name,
    options: {
      by: rule,
      weights: weightsOf(list, rule, name),
      ...options,
      ...(given.scope === undefined ? {} : { scope: given.scope }),
    },
    code,
    scopes: list.map(({ scope }) => scope),
    common: given,
    keepsState: rule === 'roundRobin' || (rule === 'failover' && options['start'] !== 'first'),
  }
}

function ruleOf(
  by: NonNullable<GivenBalance['by']>,
  step: string,
): {
  readonly rule: Rule
  readonly code: NewStep['code'] & object
  readonly options?: Readonly<Record<string, Json>>
} {
  if (by === 'roundRobin' || by === 'random') return { rule: by, code: {} }
  if (typeof by === 'object' && by !== null) {
    const { stickTo, choose, failover } = by
    const given = [stickTo, choose, failover].filter((one) => one !== undefined).length
    if (stickTo !== undefined && given === 1)
      return { rule: 'stickTo', code: { stickTo: needFunction(stickTo, 'stickTo', step) } }
    if (choose !== undefined && given === 1)
      return { rule: 'choose', code: { choose: needFunction(choose, 'choose', step) } }
    if (typeof failover === 'object' && failover !== null && given === 1)
      return {
        rule: 'failover',
        code: failoverCode(failover, step),
        options: failoverOptions(failover, step),
      }
  }
  throw invalid(
    `${stepWords(step)}: by is 'roundRobin', 'random', { stickTo }, { choose } or { failover: {} }, not ${shown(by)}.`,
  )
}

function weightsOf(list: readonly WeightedBranch[], rule: Rule, step: string): readonly number[] {
  const weighted = list.find(({ weight }) => weight !== undefined)
  if ((rule === 'choose' || rule === 'failover') && weighted !== undefined)
    throw invalid(
      `${stepWords(step)}: the target "${weighted.scope.label}" has a weight, but ${rule === 'choose' ? 'a function chooses the target' : 'targets are tried in their order'}. Leave the weight out.`,
    )
  const weights = list.map(({ weight = 1, scope: { label } }) => {
    if (Number.isSafeInteger(weight) && weight >= 0 && weight <= MOST) return weight
    throw invalid(
      `${stepWords(step)}: the weight of the target "${label}" is a whole number from 0 to ${MOST}, not ${shown(weight)}.`,
    )
  })
  if (weights.some((weight) => weight > 0)) return weights
  throw invalid(
    `${stepWords(step)}: all its targets have the weight 0, so none could be chosen. Give one a weight of 1 or more.`,
  )
}

const MOST = 1_000_000

function chain(draft: Draft, step: string, list: readonly WeightedBranch[]): object {
  return holding(
    {
      labels: list.map(({ scope }) => scope.label),
      target: (label: string, build: (inner: never) => unknown, { weight }: TargetOptions = {}) =>
        chain(draft, step, [
          ...list,
          { scope: branchScope(draft, label, build, step), predicate: undefined, weight },
        ]),
    },
    list,
  )
}
