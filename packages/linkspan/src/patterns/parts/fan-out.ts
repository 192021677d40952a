import type { Duration } from '../../model/duration.ts'
import type { StepCode, StepNode } from '../../model/flow-definition.ts'
import type { CommonOptions, CompileTools, Draft, Executor, NewStep, Pass } from '../pattern.ts'
import type { Ended, FlowFacts, NewName, Steps } from '../steps.ts'
import { needFunction } from './arguments.ts'
import { type Branch, branchesOf, branchScope, holding } from './branches.ts'
import { type ChildrenOptions, checkChildren, spawnChildren } from './children.ts'
import { type GivenJoin, checkJoin, joiner, joinOf, type RunJoin } from './joining.ts'

/** The branches of a multicast or recipient list so far; they end with bodies `O`. */
export interface Branches<B, N, F extends FlowFacts, O = never> {
  /** The labels of its branches so far. */
  readonly labels: readonly string[]
  /** A branch that gets the body as a message of its own. */
  branch<O2, H extends FlowFacts>(
    label: string,
    scope: (branch: Steps<B, N, F>) => Ended<O2, H>,
  ): Branches<B, N, F, O | O2>
  /** Phantom: what the branches end with. Never set. */
  readonly __answers?: () => O
}

/** What a branch ended with. */
export interface Answer<O> {
  /** The branch's label. */
  readonly from: string
  readonly body: O
}

/** How the branches run. */
export interface FanOutOptions extends CommonOptions {
  /** The most branches that run at once. @default the flow's concurrency */
  readonly concurrency?: number
  /** Whether a failed branch ends the making of more and fails this message. @default false */
  readonly stopOnError?: boolean
  /**
   * How long all branches together have. Then those that have not ended begin with nothing more and are dropped, and the
   * message goes on with the answers of the others. @default as long as they take
   */
  readonly timeout?: Duration
}

/** The answers become an array. */
export interface AnswersCollected<K extends string, N> {
  readonly join: 'collect'
  /** The name that the array of {@link Answer} is bound to. */
  readonly as: NewName<K, N>
}

/** The answers are folded into one value. */
export interface AnswersFolded<O, A, K extends string, N> {
  readonly join: AnswerJoin<O, A, K, N>
  readonly as?: undefined
}

/** How what the branches that are done ended with becomes one value, in the order in which they were named. */
export interface AnswerJoin<O, A, K extends string, N> {
  /** The name that the value is bound to; without it, it becomes the body. */
  readonly as?: NewName<K, N>
  readonly initial: () => A
  /** Adds what a branch ended with; `from` is its label. Synchronous and pure. */
  readonly add: (joined: A, answer: O, from: string) => NoInfer<A>
}

/** The options of a fan-out as they come in at run time. */
export interface GivenFanOut extends CommonOptions, ChildrenOptions, GivenJoin {}

/** The new step of a fan-out; `build` is the function of its branches. */
export function fanOutStep(
  draft: Draft,
  kind: 'multicast' | 'recipients',
  name: string,
  build: unknown,
  given: GivenFanOut,
): NewStep {
  const chained = needFunction(build as (chain: object) => unknown, `the branches of ${kind}()`, name)
  const list = branchesOf(chained(chain(draft, name, [])), kind, name)
  const join = checkJoin(given, name)
  return {
    kind,
    name,
    options: { ...join.options, ...checkChildren(given, name) },
    code: join.code,
    scopes: list.map(({ scope }) => scope),
    common: given,
    binds: join.binds,
  }
}

function chain(draft: Draft, step: string, list: readonly Branch[]): object {
  return holding(
    {
      labels: list.map(({ scope }) => scope.label),
      branch: (label: string, build: (inner: never) => unknown) =>
        chain(draft, step, [
          ...list,
          { scope: branchScope(draft, label, build, step, { children: true }), predicate: undefined },
        ]),
    },
    list,
  )
}

/** Runs branches by children of which each gets the body; `choose` answers which, by their place, in order. */
export function fanOutExecutor(
  node: StepNode,
  code: StepCode,
  { path, entry }: CompileTools,
  choose: (pass: Pass) => readonly number[],
): Executor {
  const scopes = node.scopes.map(({ name, label }) => ({ label, entry: entry(name) }))
  const join = joinOf(node, code, path)
  const place = joiner(node, path)
  return async (pass) => {
    const { body } = pass
    pass.enter(path)
    const chosen = choose(pass).map((index) => scopes[index] as (typeof scopes)[number])
    const plan = {
      path,
      scopeOf: (index: number) => (chosen[index] as (typeof scopes)[number]).entry,
      bodies: () => chosen.map(() => body),
      keepOutputs: join !== undefined,
    }
    await spawnChildren(pass, plan, node.options)
    const labels = chosen.map(({ label }) => label)
    if (join) await place(pass, labelled(join, labels, node.options['join'] === 'collect'))
    return undefined
  }
}

/** A join of answers: it is told which branch each is from. */
function labelled({ initial, add }: RunJoin, labels: readonly string[], collects: boolean): RunJoin {
  const told = add as (joined: unknown, answer: unknown, from: unknown) => unknown
  return {
    initial,
    add: (joined, body, index) =>
      collects ? told(joined, { from: labels[index], body }, index) : told(joined, body, labels[index]),
  }
}
