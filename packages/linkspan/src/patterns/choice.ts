import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction } from './parts/arguments.ts'
import { type Branch, branchesOf, branchScope, holding } from './parts/branches.ts'
import type { Merged } from './parts/merged.ts'
import type { Narrowed, Remaining } from './parts/narrowed.ts'
import type { CommonOptions, Draft, Pattern, Program, StepContext } from './pattern.ts'
import type { Context, Ended, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Content-Based Router: runs the first branch whose predicate answers true, within the same pass. The body after
     * it is what the branches end with, as a union; without `otherwise` a message that fits no branch goes on with its
     * body. A type guard narrows its branch's body and those after it. Names bound in a branch stay in it.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const sort = flow('sort').from(inbox<{ kind: 'bug'; steps: string } | { kind: 'wish'; text: string }>())
     *   .choice('kind', (c) => c
     *     .when('bug', (issue) => issue.kind === 'bug', (bug) => bug.map((b) => b.steps))
     *     .otherwise((wish) => wish.map((w) => w.text)))
     *   .map('length', (text) => text.length)
     * ```
     */
    choice<O, H extends FlowFacts>(
      name: string,
      build: (choice: Choice<B, N, F, never, F, B>) => Chosen<O, H>,
      options?: CommonOptions,
    ): Steps<O, N, Merged<F, H>>
  }
}

/** The branches of a choice so far: they end with `O` or reply by `H`, and leave bodies of `Rest`. */
export interface Choice<B, N, F extends FlowFacts, O, H extends FlowFacts, Rest> extends Chosen<O | Rest, H> {
  /** A branch for messages of which the predicate is true, and of no predicate before it. */
  when<P extends (body: Rest, ctx: Context<N>) => boolean, O2, H2 extends FlowFacts>(
    label: string,
    predicate: P,
    scope: (branch: Steps<Narrowed<P, Rest>, N, F>) => Ended<O2, H2>,
  ): Choice<B, N, F, O | O2, Merged<H, H2>, Remaining<P, Rest>>
  /** The branch for all others. */
  otherwise<O2, H2 extends FlowFacts>(
    scope: (branch: Steps<Rest, N, F>) => Ended<O2, H2>,
  ): Chosen<O | O2, Merged<H, H2>>
}

/** A choice with all its branches. */
export interface Chosen<O, H extends FlowFacts> {
  /** The labels of its branches so far. */
  readonly labels: readonly string[]
  /** Phantom: what its branches end with and reply. Never set. */
  readonly __chosen?: () => readonly [O, H]
}

type Predicate = (body: unknown, ctx: StepContext) => boolean
type Build = (choice: unknown) => unknown

/** The `choice` step. */
export const choice: Pattern = {
  kind: 'choice',
  stepClass: 'scope',
  summary: 'Runs the first branch whose predicate is true (Content-Based Router).',
  methods: {
    choice: (draft, name: string, build: Build, common?: CommonOptions) => {
      const answer = needFunction(build, 'the branches of choice()', name)(chain(draft, name, []))
      const list = branchesOf(answer, 'choice', name)
      return draft.add({
        kind: 'choice',
        name,
        options: { otherwise: list.at(-1)?.predicate === undefined },
        code: { predicates: list.flatMap(({ predicate }) => (predicate === undefined ? [] : [predicate])) },
        scopes: list.map(({ scope }) => scope),
        common,
      })
    },
  },
  drawn: 'branches',
  goesOn: ({ options }) => options['otherwise'] !== true,
  compile(node, code, { path, program }) {
    const predicates = code['predicates'] as readonly Predicate[]
    const programs = node.scopes.map((scope) => program(scope.name))
    return (pass) => chosen(predicates, programs, pass.body, pass.enter(path), path)?.run(pass)
  },
}

function chosen(
  predicates: readonly Predicate[],
  programs: readonly Program[],
  body: unknown,
  context: StepContext,
  path: string,
): Program | undefined {
  const fits = (predicate: Predicate): boolean => answered(predicate(body, context), path, 'a predicate')
  const index = predicates.findIndex(fits)
  return programs[index === -1 ? predicates.length : index]
}

function chain(draft: Draft, step: string, list: readonly Branch[]): object {
  const add = (label: string, predicate: unknown, build: (inner: never) => unknown): readonly Branch[] => [
    ...list,
    { scope: branchScope(draft, label, build, step), predicate },
  ]
  return holding(
    {
      labels: labelsOf(list),
      when: (label: string, predicate: unknown, build: (inner: never) => unknown) => {
        const checked = needFunction(predicate, `the predicate of the branch ${JSON.stringify(label)}`, step)
        return chain(draft, step, add(label, checked, build))
      },
      otherwise: (build: (inner: never) => unknown) => {
        const all = add('otherwise', undefined, build)
        return holding({ labels: labelsOf(all) }, all)
      },
    },
    list,
  )
}

function labelsOf(list: readonly Branch[]): readonly string[] {
  return list.map(({ scope }) => scope.label)
}
