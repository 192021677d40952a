import './steps.ts'
import { needFunction } from './parts/arguments.ts'
import { type Branch, branchesOf, branchScope, holding } from './parts/branches.ts'
import { checkChildren, failedChildren } from './parts/children.ts'
import type { CommonOptions, Draft, Pattern } from './pattern.ts'
import type { Ended, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Recipient List: sends the body down several named branches at once, each as a child message of its own, and
     * waits until all have ended. The body stays.
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
    multicast(
      name: string,
      build: (branches: Branches<B, N, F>) => Branches<B, N, F>,
      options?: MulticastOptions,
    ): Steps<B, N, F>
  }
}

/** How the branches of a multicast run. */
export interface MulticastOptions extends CommonOptions {
  /** Whether a failed branch ends the making of more and fails this message. @default false */
  readonly stopOnError?: boolean
}

/** The branches of a multicast so far. */
export interface Branches<B, N, F extends FlowFacts> {
  /** The labels of its branches so far. */
  readonly labels: readonly string[]
  /** A branch that gets the body as a message of its own. */
  branch<O, H extends FlowFacts>(
    label: string,
    scope: (branch: Steps<B, N, F>) => Ended<O, H>,
  ): Branches<B, N, F>
}

type Build = (branches: unknown) => unknown

/** The `multicast` step. */
export const multicast: Pattern = {
  kind: 'multicast',
  stepClass: 'scope',
  summary: 'Sends the body down several branches at once and waits for all (Recipient List).',
  methods: {
    multicast: (draft, name: string, build: Build, given: MulticastOptions = {}) => {
      const answer = needFunction(build, 'the branches of multicast()', name)(chain(draft, name, []))
      return draft.add({
        kind: 'multicast',
        name,
        options: { stopOnError: checkChildren(given, name).stopOnError },
        scopes: branchesOf(answer, 'multicast', name).map(({ scope }) => scope),
        common: given,
      })
    },
  },
  drawn: 'children',
  compile(node, _code, { path, entry }) {
    const entries = node.scopes.map((scope) => entry(scope.name))
    const stopOnError = node.options['stopOnError'] === true
    return async (pass) => {
      const { body } = pass
      pass.enter(path)
      const outcome = await pass.spawn({
        path,
        scopeOf: (index) => entries[index] as string,
        bodies: () => entries.map(() => body),
        keepOutputs: false,
        concurrency: null,
        stopOnError,
      })
      if (stopOnError) failedChildren(outcome, path)
      return undefined
    }
  },
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
