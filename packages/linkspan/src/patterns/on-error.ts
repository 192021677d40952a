import './steps.ts'
import { needFunction } from './parts/arguments.ts'
import type { Merged } from './parts/merged.ts'
import type { Draft } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * The branch that a message takes when it has failed for good, in the place of becoming a dead letter. It begins
     * with the body that was accepted and no bound names; `ctx.error` says what happened. Once per flow, and not
     * inside a scope; where it stands in the chain makes no difference.
     *
     * The children of a split, multicast or tap do not take it, as their bodies are others: a child that has failed is a
     * dead letter of its own. With `stopOnError` its parent fails too, and takes this branch.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const page: Operation<{ text: string }, void, { kind: 'natural' }>
     * const careful = flow('careful')
     *   .from(inbox<{ id: string }>())
     *   .map('risky', (order) => order.id.toUpperCase())
     *   .onError((failed) => failed.to('tell us', page, { input: (order, { error }) => ({ text: `${order.id}: ${error.message}` }) }))
     * ```
     */
    onError<O, H extends FlowFacts>(
      build: (failed: Steps<F['accepts'], NoNames & Failed, F>) => Ended<O, H>,
    ): Steps<B, N, Merged<F, H>>
  }
}

/** Sets the flow's fallback branch. It makes no step, so it is no pattern of its own. */
export function onError(draft: Draft, build: (failed: never) => unknown): Draft {
  const checked = needFunction(build, 'the scope of onError()', 'onError')
  return draft.set('fallback', draft.scope(checked, { binds: ['error'], alone: true }))
}
