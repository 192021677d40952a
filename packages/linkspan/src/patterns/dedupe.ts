import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { CellChange, CommonOptions, Pass, Pattern, StepContext } from './pattern.ts'
import type { Context, NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Idempotent Consumer: lets a message go on only if none with the same identity came through this step before;
     * a repeated one ends as *filtered*. `remember` says which ones before count:
     *
     * - `'seen'` (the default): one counts as soon as it is seen, whatever becomes of it.
     * - `'unlessFailed'`: one counts as soon as it is seen, and no more once it has failed for good or was dropped.
     * - `'done'`: one counts once it has ended well, so an equal one that comes meanwhile goes on too.
     *
     * With `as` a repeated one goes on too, and the name is bound to whether it is one: for those who want to answer it with what
     * was said before, or count it.
     *
     * A message that has gone on and is sent again goes on. One that is in doubt or parked has not failed yet. For
     * messages that repeat as they come in, `dedupe` on the source is cheaper.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const once = flow('once')
     *   .from(inbox<{ order: string; revision: number }>())
     *   .dedupe('each revision', { by: (o) => `${o.order}/${o.revision}`, for: '7d' })
     * ```
     */
    dedupe<K extends string = never>(
      name: string,
      options: DedupeOptions<B, N, K>,
    ): [K] extends [never] ? Steps<B, N, F> : Steps<B, N & Bound<K, boolean>, F>
  }
}

/** What makes messages the same, and for how long. */
export interface DedupeOptions<B, N, K extends string = never> extends CommonOptions {
  /** The identity of a message; not empty. Synchronous and pure. */
  readonly by: (body: B, ctx: Context<N>) => string
  /** Which messages before count as the same. @default 'seen' */
  readonly remember?: Remember
  /** How long an identity is remembered. @default '30d' */
  readonly for?: Duration
  /** The name that it is bound to whether the message is a repeated one, which goes on then. @default it ends as *filtered* */
  readonly as?: NewName<K, N>
  /** Steps with the same scope remember together, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

/** From when, and until when, a message counts for `dedupe`. */
export type Remember = 'seen' | 'unlessFailed' | 'done'

type By = (body: unknown, ctx: StepContext) => string

/** The `dedupe` step. */
export const dedupe: Pattern = {
  kind: 'dedupe',
  stepClass: 'stateful',
  summary: 'Lets only the first of equal messages go on (Idempotent Consumer).',
  methods: {
    dedupe: (draft, name: string, given: DedupeOptions<unknown, unknown, string>) => {
      const remember = rememberOf(given?.remember, name)
      const options: Record<string, Json> = {
        forMs: durationMs(given?.for ?? '30d'),
        ...(remember === 'seen' ? {} : { remember }),
        ...(given?.as === undefined ? {} : { as: given.as }),
      }
      return draft.add({
        kind: 'dedupe',
        name,
        options: given?.scope === undefined ? options : { ...options, scope: given.scope },
        code: { by: needFunction(given?.by, 'the option by of dedupe()', name) },
        common: given,
        binds: given?.as === undefined ? [] : [given.as],
        keepsState: true,
      })
    },
  },
  compile(node, code, { path }) {
    const by = code['by'] as By
    const scope = node.options['scope'] as string
    const forMs = node.options['forMs'] as number
    const remember = (node.options['remember'] ?? 'seen') as Remember
    const { as } = node.options
    const stop = { kind: 'end', ending: 'filtered', reason: `"${node.name}" has seen it before` } as const
    return async (pass) => {
      const context = pass.enter(path)
      const identity = identityOf(answered(by(pass.body, context), path, 'its identity'), path)
      const until = context.now + forMs
      const change = remember === 'seen' ? firstSeen(context.id, until) : firstToCount(pass, remember, until)
      const first = await pass.update(path, scope, identity, change)
      if (typeof as !== 'string') return first ? undefined : stop
      pass.bind(as, !first)
      return undefined
    }
  },
}

function rememberOf(given: Remember | undefined, step: string): Remember {
  if (given === undefined || given === 'seen' || given === 'unlessFailed' || given === 'done')
    return given ?? 'seen'
  throw invalid(`${stepWords(step)}: remember is 'seen', 'unlessFailed' or 'done', not ${shown(given)}.`)
}

function firstSeen(id: string, until: number): CellChange<boolean> {
  return (present) =>
    present === null || present === id ? { value: id, until, result: true } : { result: false }
}

/** Asks what became of those that went on before. Those that failed are forgotten. */
function firstToCount(pass: Pass, remember: Remember, until: number): CellChange<boolean> {
  const { id } = pass.context
  return async (present) => {
    // A text is from the time when the step remembered all that it had seen.
    const before = typeof present === 'string' ? [present] : ((present ?? []) as readonly string[])
    const live: string[] = []
    for (const other of before.filter((each) => each !== id)) {
      const ending = await pass.endingOf(other)
      if (ending === 'dead' || ending === 'dropped') continue
      const underWay = ending === 'live' || ending === 'inDoubt' || ending === 'parked'
      if (!underWay || remember === 'unlessFailed') return { result: false }
      live.push(other)
    }
    return { value: [...live, id], until, result: true }
  }
}

function identityOf(value: unknown, path: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs the identity of a message as a text that is not empty, but by answered ${shown(value)}.`,
    { details: { path } },
  )
}
