import type { Operation } from '../connect/connector.ts'
import type { Guarantee } from '../model/guarantee.ts'
import './steps.ts'
import {
  type Bare,
  type CallOptions,
  callExecutor,
  callStep,
  type GivenCallOptions,
} from './parts/calling.ts'
import type { Merged } from './parts/merged.ts'
import { placer } from './parts/placed.ts'
import type { Pattern } from './pattern.ts'
import type { NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Content Enricher: calls an operation under its guarantee and goes on with its result. With `as` the result is
     * bound to that name beside the body; without it the result is the body. `input` may be left out when the body is
     * what the operation takes. A `fallback` runs when the call has failed for good, and its last body takes the place
     * of the result.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const getUser: Operation<{ id: number }, { name: string }, { kind: 'natural' }>
     * const greet = flow('greet')
     *   .from(inbox<{ user: number }>())
     *   .call('load', getUser, { input: (body) => ({ id: body.user }), as: 'user' })
     *   .map('greeting', (_body, { user }) => `Hello ${user.name}`)
     * ```
     */
    call<In, Out, G extends Guarantee, K extends string = never, O = never, H extends FlowFacts = F>(
      name: string,
      operation: Operation<In, Out, G>,
      options: CallOptions<B, N, F, NoInfer<In>, NoInfer<G>, O, H> & ResultOption<K, N>,
    ): Placed<B, N, Merged<F, H>, K, Out | O>
    call<In, Out, G extends Guarantee>(name: string, operation: Bare<B, In, Out, G>): Steps<Out, N, F>
  }
}

/** Where the result goes. */
export interface ResultOption<K extends string, N> {
  /** The name that the result is bound to beside the body; without it the result is the body. */
  readonly as?: NewName<K, N>
}

/** The `call` step. */
export const call: Pattern = {
  kind: 'call',
  stepClass: 'effect',
  summary: 'Calls an operation and goes on with its result, as the body or bound by name (Content Enricher).',
  methods: {
    call: (draft, name: string, operation: Operation<unknown, unknown>, options?: GivenCallOptions) =>
      draft.add(callStep(draft, 'call', name, operation, options)),
  },
  compile(node, code, tools) {
    return callExecutor(node, code, tools, placer(node))
  },
  afterFallback(node, pass, before) {
    const result = pass.body
    pass.body = before
    placer(node)(pass, result)
  },
}
