import './steps.ts'
import { needFunction } from './parts/arguments.ts'
import type { Merged } from './parts/merged.ts'
import { placer } from './parts/placed.ts'
import type { CommonOptions, Pass, Pattern, StepResult } from './pattern.ts'
import type { NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Step: several steps as one unit with a name. The diagram frames them, a trace shows them below it, and the
     * metrics tell how often the unit came to its end and how long it took
     * (`linkspan_step_seconds`, `linkspan_step_attempts_total`). They run within the same pass. What they end with is
     * the body or, with `as`, bound to a name beside the body, which then stays. Names bound inside stay inside, so a
     * group with `as` is also a way to enrich a message by several calls.
     *
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const prices: Operation<{ item: string }, { net: number }, { kind: 'natural' }>
     * declare const taxes: Operation<{ net: number }, { tax: number }, { kind: 'natural' }>
     * const quote = flow('quote')
     *   .from(inbox<{ item: string }>())
     *   .group('price', (s) => s
     *     .call('net', prices, { as: 'net' })
     *     .call('tax', taxes, { input: (_order, { net }) => net, as: 'tax' })
     *     .map('sum', (_order, { net, tax }) => net.net + tax.tax), { as: 'price' })
     *   .map('text', (order, { price }) => `${order.item}: ${price}`)
     * ```
     */
    group<O, H extends FlowFacts, K extends string = never>(
      name: string,
      scope: (steps: Steps<B, N, F>) => Ended<O, H>,
      options?: GroupOptions<K, N>,
    ): Placed<B, N, Merged<F, H>, K, O>
  }
}

/** Where the result of a group goes. */
export interface GroupOptions<K extends string, N> extends CommonOptions {
  /** The name that the scope's last body is bound to beside the body; without it, it is the body. */
  readonly as?: NewName<K, N>
}

interface GivenGroup extends CommonOptions {
  readonly as?: string
}

/** The `group` step. */
export const group: Pattern = {
  kind: 'group',
  stepClass: 'scope',
  summary: 'Runs several steps as one unit with a name (Step).',
  methods: {
    group: (draft, name: string, scope: (steps: never) => unknown, { as, ...common }: GivenGroup = {}) => {
      const inner = draft.scope(needFunction(scope, 'the scope of group()', name))
      return draft.add({
        kind: 'group',
        name,
        options: as === undefined ? {} : { as },
        scopes: [{ name: '', label: '', draft: inner }],
        common,
        binds: as === undefined ? [] : [as],
      })
    },
  },
  drawn: 'within',
  goesOn: () => false,
  compile(node, _code, { path, program }) {
    const steps = program('')
    const place = placer(node)
    return (pass) => {
      const { body } = pass
      const began = pass.enter(path).now
      const ended = (stop: StepResult): StepResult => stop ?? leave(pass, path, began, body, place)
      const result = steps.run(pass)
      return result instanceof Promise ? result.then(ended) : ended(result)
    }
  },
}

function leave(
  pass: Pass,
  path: string,
  began: number,
  before: unknown,
  place: (pass: Pass, result: unknown) => void,
): undefined {
  const result = pass.body
  pass.body = before
  place(pass, result)
  pass.measured(path, pass.context.now - began)
}
