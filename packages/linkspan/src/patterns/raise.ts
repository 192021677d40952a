import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction } from './parts/arguments.ts'
import { checked } from './parts/checked.ts'
import { eventScope } from './parts/event-cell.ts'
import { asJson } from './parts/json.ts'
import { raiseEvent } from './parts/raise-event.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'
import { type EventDeclaration, eventKey, needEvent } from './wait-for.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Raises an event for a key, once: the message that waits for it by `waitFor` goes on, be it of another flow or on
     * another engine. When nobody waits yet, it is kept as long as its declaration says. The body stays.
     *
     * @example
     * ```ts
     * import { event, flow, inbox } from 'linkspan'
     * const paid = event<{ amount: number }>('paid', { keep: '7d' })
     * const payments = flow('payments')
     *   .from(inbox<{ invoice: string; amount: number }>())
     *   .raise('tell', paid, { key: (p) => p.invoice, value: ({ amount }) => ({ amount }) })
     * ```
     */
    raise<V>(
      name: string,
      event: EventDeclaration<V>,
      options: RaiseOptions<B, N, NoInfer<V>>,
    ): Steps<B, N, F>
  }
}

/** Which event is raised, and what it carries. */
export interface RaiseOptions<B, N, V> extends CommonOptions {
  /** The correlation key: a message that waits for the same takes it. */
  readonly key: (body: B, ctx: Context<N>) => string | number
  readonly value: (body: B, ctx: Context<N>) => V
}

type OfBody = (body: unknown, ctx: StepContext) => unknown

/** The `raise` step. */
export const raise: Pattern = {
  kind: 'raise',
  stepClass: 'stateful',
  summary: 'Raises an event for a key, which a message may wait for (Correlation Identifier).',
  methods: {
    raise: (
      draft,
      name: string,
      event: EventDeclaration<unknown>,
      given: CommonOptions & { readonly key?: OfBody; readonly value?: OfBody },
    ) =>
      draft.add({
        kind: 'raise',
        name,
        options: { event: needEvent(event, name).name, keepMs: event.keepMs },
        code: {
          event,
          key: needFunction(given?.key, 'the option key of raise()', name),
          value: needFunction(given?.value, 'the option value of raise()', name),
        },
        common: given,
      }),
  },
  compile(node, code, { path }) {
    const scope = eventScope(node.options['event'] as string)
    const { schema } = code['event'] as EventDeclaration<unknown>
    const key = code['key'] as OfBody
    const value = code['value'] as OfBody
    return async (pass) => {
      const context = pass.enter(path)
      const cell = eventKey(key(pass.body, context), path)
      const made = answered(value(pass.body, context), path, 'its value')
      const carried = asJson(schema === undefined ? made : checked(schema, made, path), path, 'its value')
      await raiseEvent(pass, path, {
        scope,
        key: cell,
        value: carried,
        keepMs: node.options['keepMs'] as number,
      })
      return undefined
    }
  },
}
