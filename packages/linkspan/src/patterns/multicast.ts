import './steps.ts'
import type { NotJoined } from './split.ts'
import {
  type Answer,
  type AnswersCollected,
  type AnswersFolded,
  type Branches,
  type FanOutOptions,
  fanOutExecutor,
  fanOutStep,
  type GivenFanOut,
} from './parts/fan-out.ts'
import type { Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Multicast: sends the body down several named branches at once, each as a child message of its own, and waits
     * until all have ended. To choose the branches for each message, use `recipients`.
     *
     * Without `join` the body stays. `join: 'collect'` binds what the branches ended with to `as`, as an array of
     * `{ from, body }` in their order; a join with `initial` and `add` folds the answers one by one, and its result
     * is bound to `as` or, without it, becomes the body. A branch that failed, was filtered or stopped has no answer.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const store: Operation<{ text: string }, void, { kind: 'natural' }>
     * declare const post: Operation<{ text: string }, void, { kind: 'natural' }>
     * const tell = flow('tell')
     *   .from(inbox<{ text: string }>())
     *   .multicast('both', (m) => m.branch('archive', (s) => s.to('store', store)).branch('chat', (s) => s.to('post', post)))
     * ```
     */
    multicast<O, K extends string = never, A = never>(
      name: string,
      build: (branches: Branches<B, N, F>) => Branches<B, N, F, O>,
      options: FanOutOptions & (NotJoined | AnswersCollected<K, N> | AnswersFolded<O, A, K, N>),
    ): [K] extends [never]
      ? [A] extends [never]
        ? Steps<B, N, F>
        : Steps<A, N, F>
      : Placed<B, N, F, K, [A] extends [never] ? Answer<O>[] : A>
    multicast<O>(name: string, build: (branches: Branches<B, N, F>) => Branches<B, N, F, O>): Steps<B, N, F>
  }
}

/** The `multicast` step. */
export const multicast: Pattern = {
  kind: 'multicast',
  stepClass: 'scope',
  summary: 'Sends the body down several branches at once and waits for all (Multicast).',
  methods: {
    multicast: (draft, name: string, build: unknown, given: GivenFanOut = {}) =>
      draft.add(fanOutStep(draft, 'multicast', name, build, given)),
  },
  drawn: 'children',
  compile(node, code, tools) {
    const all = node.scopes.map((_scope, index) => index)
    return fanOutExecutor(node, code, tools, () => all)
  },
}
