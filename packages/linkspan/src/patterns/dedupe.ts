import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction, shown } from './parts/arguments.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Idempotent Receiver: lets a message go on only if none with the same identity came through this step before;
     * a repeated one ends as *filtered*. It is eager: the first one counts as soon as it is seen, whatever becomes of
     * it; that same message, sent again, goes through. For messages that repeat as they come in, `dedupe` on the
     * source is cheaper.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const once = flow('once')
     *   .from(inbox<{ order: string; revision: number }>())
     *   .dedupe('each revision', { by: (o) => `${o.order}/${o.revision}`, for: '7d' })
     * ```
     */
    dedupe(name: string, options: DedupeOptions<B, N>): Steps<B, N, F>
  }
}

/** What makes messages the same, and for how long. */
export interface DedupeOptions<B, N> extends CommonOptions {
  /** The identity of a message; not empty. Synchronous and pure. */
  readonly by: (body: B, ctx: Context<N>) => string
  /** How long an identity is remembered. @default '30d' */
  readonly for?: Duration
  /** Steps with the same scope remember together, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

type By = (body: unknown, ctx: StepContext) => string

/** The `dedupe` step. */
export const dedupe: Pattern = {
  kind: 'dedupe',
  stepClass: 'stateful',
  summary: 'Lets only the first of equal messages go on (Idempotent Receiver).',
  methods: {
    dedupe: (draft, name: string, given: DedupeOptions<unknown, unknown>) => {
      const options: Record<string, Json> = { forMs: durationMs(given?.for ?? '30d') }
      return draft.add({
        kind: 'dedupe',
        name,
        options: given?.scope === undefined ? options : { ...options, scope: given.scope },
        code: { by: needFunction(given?.by, 'the option by of dedupe()', name) },
        common: given,
        keepsState: true,
      })
    },
  },
  compile(node, code, { path }) {
    const by = code['by'] as By
    const scope = node.options['scope'] as string
    const forMs = node.options['forMs'] as number
    const stop = { kind: 'end', ending: 'filtered', reason: `"${node.name}" has seen it before` } as const
    return async (pass) => {
      const context = pass.enter(path)
      const { id, now } = context
      const identity = identityOf(answered(by(pass.body, context), path, 'its identity'), path)
      const first = await pass.update(path, scope, identity, (present) =>
        present === null || present === id
          ? { value: id, until: now + forMs, result: true }
          : { result: false },
      )
      return first ? undefined : stop
    }
  },
}

function identityOf(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs the identity of a message as a text that is not empty, but by answered ${shown(value)}.`,
    { details: { path } },
  )
}
