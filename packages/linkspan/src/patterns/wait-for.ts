import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import { turnPlace } from '../model/step-place.ts'
import './steps.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { correlationKey } from './parts/correlation-key.ts'
import { eventScope, look } from './parts/event-cell.ts'
import { placer } from './parts/placed.ts'
import {
  type CommonOptions,
  type FailureOptions,
  NEVER_MS,
  type Pattern,
  type StepContext,
} from './pattern.ts'
import type { Context, NewName } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Waits until an event is raised for a key: an approval, a call back, the answer to something sent. It may wait for
     * months: it lies in the journal and takes no memory, and frees its own key unless `hold` is set. Each event is taken
     * by one message, the first that looks. One that was raised before anybody waited is there, as long as its
     * declaration keeps it. From outside a flow it is raised by `engine.raise` and `linkspan raise`. What the event carries is bound to `as` or, without it, becomes the body.
     *
     * After `timeout` it fails with `WAIT_TIMED_OUT`, which `try` can catch.
     *
     * @example
     * ```ts
     * import { event, flow, inbox } from 'linkspan'
     * const decided = event<{ by: string; yes: boolean }>('decided')
     * const orders = flow('orders')
     *   .from(inbox<{ id: string; total: number }>())
     *   .waitFor('decision', decided, { key: (order) => order.id, timeout: '14d', as: 'decision' })
     *   .filter('approved', (_order, { decision }) => decision.yes)
     * const decisions = flow('decisions')
     *   .from(inbox<{ order: string; by: string; yes: boolean }>())
     *   .raise('tell', decided, { key: (given) => given.order, value: ({ by, yes }) => ({ by, yes }) })
     * ```
     */
    waitFor<V, K extends string = never>(
      name: string,
      event: EventDeclaration<V>,
      options: WaitForOptions<B, N, K>,
    ): Placed<B, N, F, K, V>
  }
}

/** An event that messages wait for by key. Made by `event()`. */
export interface EventDeclaration<V> {
  readonly kind: 'event'
  readonly name: string
  /** How long one that nobody waits for is kept, milliseconds. */
  readonly keepMs: number
  /** What is raised is checked by it, and those who wait get what it makes of that. */
  readonly schema?: StandardSchemaV1
  /** Phantom: what it carries. Never set. */
  readonly __value?: () => V
}

/** Which event a message waits for, and how long. */
export interface WaitForOptions<B, N, K extends string> extends FailureOptions {
  /** The correlation key: only an event that is raised for the same is taken. */
  readonly key: (body: B, ctx: Context<N>) => string | number
  /** After which time it fails with `WAIT_TIMED_OUT`. @default it waits for good */
  readonly timeout?: Duration
  /** The name that what the event carries is bound to; without it, it becomes the body. */
  readonly as?: NewName<K, N>
  /** Whether the messages after it with the same key wait too. @default false */
  readonly hold?: boolean
}

interface GivenWait extends CommonOptions {
  readonly key?: (body: unknown, ctx: StepContext) => string | number
  readonly timeout?: Duration
  readonly as?: string
  readonly hold?: boolean
}

/** The `waitFor` step. */
export const waitFor: Pattern = {
  kind: 'waitFor',
  stepClass: 'stateful',
  summary: 'Waits until an event is raised for a key (Correlation Identifier).',
  methods: {
    waitFor: (draft, name: string, event: EventDeclaration<unknown>, given: GivenWait) =>
      draft.add({
        kind: 'waitFor',
        name,
        options: {
          event: needEvent(event, name).name,
          timeoutMs: given?.timeout === undefined ? null : durationMs(given.timeout),
          hold: given?.hold === true,
          ...(given?.as === undefined ? {} : { as: given.as }),
        },
        code: { event, key: needFunction(given?.key, 'the option key of waitFor()', name) },
        common: given,
        binds: given.as === undefined ? [] : [given.as],
      }),
  },
  compile(node, code, { path }) {
    const scope = eventScope(node.options['event'] as string)
    const timeoutMs = node.options['timeoutMs'] as number | null
    const hold = node.options['hold'] === true
    const key = code['key'] as (body: unknown, ctx: StepContext) => unknown
    const place = placer(node)
    return async (pass) => {
      const context = pass.enter(path)
      const cell = eventKey(key(pass.body, context), path)
      const until = timeoutMs === null ? NEVER_MS : context.now + timeoutMs
      for (let turn = 1; ; turn += 1) {
        const seen = await pass.update(turnPlace(path, turn * 2 - 1), scope, cell, look(pass.sleeper, until))
        if (seen.found !== 'nothing') pass.moveTo(seen.at)
        if (seen.found === 'late') throw tooLate(path, cell, timeoutMs)
        if (seen.found === 'event') {
          place(pass, seen['value'])
          return undefined
        }
        const stop = pass.sleep(turnPlace(path, turn * 2), until, hold)
        if (stop !== undefined) return stop
      }
    }
  },
}

/** Requires a declared event. */
export function needEvent(event: EventDeclaration<unknown>, step: string): EventDeclaration<unknown> {
  if (typeof event === 'object' && event?.kind === 'event') return event
  throw invalid(`${stepWords(step)} needs an event as its second argument, but got ${shown(event)}.`)
}

/** The key that an event is waited for, or raised for. */
export function eventKey(key: unknown, path: string): string {
  return correlationKey(key, path, 'the event is found')
}

export function tooLate(path: string, key: string, timeoutMs: number | null): LinkspanError {
  return new LinkspanError(
    'WAIT_TIMED_OUT',
    `The step "${path}" waited ${timeoutMs} ms, and the event was not raised for the key ${JSON.stringify(key)}.`,
    { details: { path, key, timeoutMs } },
  )
}
