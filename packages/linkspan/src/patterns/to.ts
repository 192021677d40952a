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
import type { Pattern } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Channel Adapter: calls an operation under its guarantee for what it does; its result is recorded but not handed
     * on, so the body stays. `input` may be left out when the body is what the operation takes. A `fallback` runs when
     * the call has failed for good.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const post: Operation<{ text: string }, void, { kind: 'none' }>
     * const tell = flow('tell')
     *   .from(inbox<{ name: string }>())
     *   .to('chat', post, { input: ({ name }) => ({ text: `${name} is here` }), onUnknown: 'inDoubt' })
     * ```
     */
    to<In, Out, G extends Guarantee, O = never, H extends FlowFacts = F>(
      name: string,
      operation: Operation<In, Out, G>,
      options: CallOptions<B, N, F, NoInfer<In>, NoInfer<G>, O, H>,
    ): Steps<B, N, Merged<F, H>>
    to<In, Out, G extends Guarantee>(name: string, operation: Bare<B, In, Out, G>): Steps<B, N, F>
  }
}

/** The `to` step. */
export const to: Pattern = {
  kind: 'to',
  stepClass: 'effect',
  summary: 'Calls an operation for what it does; the body stays (Channel Adapter).',
  methods: {
    to: (
      draft,
      name: string,
      operation: Operation<unknown, unknown>,
      options?: Omit<GivenCallOptions, 'as'>,
    ) => draft.add(callStep(draft, 'to', name, operation, options)),
  },
  compile(node, code, tools) {
    return callExecutor(node, code, tools, () => undefined)
  },
  afterFallback(_node, pass, before) {
    pass.body = before
  },
}
