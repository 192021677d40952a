import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { needFunction, shown } from './parts/arguments.ts'
import { asJson } from './parts/json.ts'
import { placer } from './parts/placed.ts'
import type { CellChange, CommonOptions, Pattern, StepContext } from './pattern.ts'
import type { Context, NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Keeps state between messages: reads the state of a key, and commits the next one together with the message's
     * settlement, exactly once. The result is bound to `as` beside the body or, without it, becomes the body. State
     * and result are plain data, as JSON can hold it.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const counted = flow('counted')
     *   .from(inbox<{ repository: string }>())
     *   .state('count', { key: (push) => push.repository, initial: () => 0, as: 'count' }, (count) => ({
     *     state: count + 1,
     *     result: count + 1,
     *   }))
     *   .map('text', (push, { count }) => `push ${count} to ${push.repository}`)
     * ```
     */
    state<S, R, K extends string = never>(
      name: string,
      options: StateOptions<S, B, N, K>,
      update: (state: S, body: B, ctx: Context<N>) => StateUpdate<NoInfer<S>, R>,
    ): Placed<B, N, F, K, R>
  }
}

/** Which state, and where the result goes. */
export interface StateOptions<S, B, N, K extends string> extends CommonOptions {
  /** What the state belongs to. @default the message's key */
  readonly key?: (body: B, ctx: Context<N>) => string
  /** The state of a key that has none. */
  readonly initial: () => S
  /** The name that the result is bound to beside the body; without it the result is the body. */
  readonly as?: NewName<K, N>
  /** How long a state that nobody changes is kept. @default for good */
  readonly for?: Duration
  /** Steps with the same scope share their state, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

/** The next state, and what the step answers. A state of null is forgotten. */
export interface StateUpdate<S, R> {
  readonly state: S | null
  readonly result: R
}

interface GivenState extends CommonOptions {
  readonly key?: (body: unknown, ctx: StepContext) => string
  readonly initial: () => unknown
  readonly as?: string
  readonly for?: Duration
  readonly scope?: string
}

type Update = (state: unknown, body: unknown, ctx: StepContext) => StateUpdate<unknown, unknown>

/** The `state` step. */
export const state: Pattern = {
  kind: 'state',
  stepClass: 'stateful',
  summary: 'Keeps state between messages, committed with the settlement.',
  methods: {
    state: (draft, name: string, given: GivenState, update: Update) =>
      draft.add({
        kind: 'state',
        name,
        options: dataOf(given),
        code: {
          initial: needFunction(given?.initial, 'the option initial of state()', name),
          update: needFunction(update, 'the update of state()', name),
          ...(given.key === undefined
            ? {}
            : { key: needFunction(given.key, 'the option key of state()', name) }),
        },
        common: given,
        binds: given.as === undefined ? [] : [given.as],
        keepsState: true,
      }),
  },
  compile(node, code, { path }) {
    const key = code['key'] as ((body: unknown, ctx: StepContext) => unknown) | undefined
    const scope = node.options['scope'] as string
    const change = changer(node.options['forMs'] as number | null, code, path)
    const place = placer(node)
    return async (pass) => {
      const context = pass.enter(path)
      const { body } = pass
      const cell = key ? keyOf(answered(key(body, context), path, 'its key'), path) : (context.key ?? '')
      place(pass, await pass.update(path, scope, cell, change(body, context)))
      return undefined
    }
  },
}

function dataOf(given: GivenState): Readonly<Record<string, Json>> {
  return {
    ...(given?.as === undefined ? {} : { as: given.as }),
    ...(given?.scope === undefined ? {} : { scope: given.scope }),
    forMs: given?.for === undefined ? null : durationMs(given.for),
  }
}

function changer(
  forMs: number | null,
  code: Readonly<Record<string, unknown>>,
  path: string,
): (body: unknown, context: StepContext) => CellChange<Json> {
  const initial = code['initial'] as () => unknown
  const update = code['update'] as Update
  return (body, context) => {
    const until = forMs === null ? null : context.now + forMs
    return (present) => {
      // The engine keeps the value for the next message: an update that changes it in place and throws must not show there.
      const before =
        present === null ? answered(initial(), path, 'its initial state') : structuredClone(present)
      const answer = answered(update(before, body, context), path, 'its update')
      if (typeof answer !== 'object' || answer === null || !('state' in answer)) throw noUpdate(answer, path)
      return {
        value: asJson(answer.state, path, 'its state'),
        until,
        result: asJson(answer.result, path, 'its result'),
      }
    }
  }
}

function keyOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw new LinkspanError('STEP_FAILED', `The key of the state "${path}" is a text, not ${shown(value)}.`, {
    details: { path },
  })
}

function noUpdate(answer: unknown, path: string): LinkspanError {
  return new LinkspanError(
    'STEP_FAILED',
    `The update of the state "${path}" must answer { state, result }, but it answered ${shown(answer)}.`,
    { details: { path } },
  )
}
