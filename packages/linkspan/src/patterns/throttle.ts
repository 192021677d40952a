import { type Duration, durationMs, formatDuration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { StepCode, StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { keyText } from './parts/key-text.ts'
import type { Merged } from './parts/merged.ts'
import { type Places, throughPlaces } from './parts/places.ts'
import { reserveSlot, type Slots } from './parts/slots.ts'
import type { CellChange, CommonOptions, Executor, Pattern, Program, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Throttler: lets at most `max` messages go on in any stretch of time as long as `per`. With `key` each key has a
     * budget of its own. The budget is engine state: it survives a restart and is shared by all engines of a journal.
     *
     * A message that is over it gets the next free slot and waits in the journal for that time, so that those that wait
     * go on one after the other in the order in which they came, and none asks again meanwhile. One that misses its
     * slot by more than a second (or a 128th of `per`), as the engine was away, takes another one. It frees its key
     * unless `hold` is set, as in `delay`. With `reject` it fails with `THROTTLED` instead and takes no slot.
     *
     * It counts the messages that come to this step, each once, and not how often a call behind it is tried. Up to a
     * `max` of 128 slots are kept to the millisecond, above it to a 128th of `per`, always on the safe side.
     *
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const send: Operation<{ to: string; text: string }, void, { kind: 'natural' }>
     * const tell = flow('tell')
     *   .from(inbox<{ to: string; text: string }>())
     *   .throttle('gently', { max: 5, per: '1m', key: (message) => message.to })
     *   .to('send', send)
     * ```
     */
    throttle(name: string, options: ThrottleOptions<B, N>): Steps<B, N, F>
    /**
     * Throttler: only `concurrent` messages are in its steps at once. With `key` each key has places of its own. Who has one is
     * engine state: it survives a restart and is shared by all engines of a journal.
     *
     * A message that finds no place waits in the journal, and is woken when it has one, in the order in which they came. It
     * frees its key unless `hold` is set. With `reject` it fails with `THROTTLED` instead. A message keeps its place while it
     * waits in the steps, as in a `delay`; one that fails gives it back, and takes one again when its policy tries again.
     *
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const render: Operation<{ film: string }, { url: string }, { kind: 'natural' }>
     * const films = flow('films')
     *   .from(inbox<{ film: string }>())
     *   .throttle('two at once', { concurrent: 2 }, (s) => s.call('render', render))
     *   .map('address', ({ url }) => url)
     * ```
     */
    throttle<O, H extends FlowFacts>(
      name: string,
      options: ConcurrencyOptions<B, N>,
      scope: (steps: Steps<B, N, F>) => Ended<O, H>,
    ): Steps<O, N, Merged<F, H>>
  }
}

/** How many messages go on in how much time, and what becomes of the others. */
export interface ThrottleOptions<B, N> extends CommonOptions {
  /** The most messages: a whole number from 1, or a function of the message that answers one. */
  readonly max: number | ((body: B, ctx: Context<N>) => number)
  /** In how much time. */
  readonly per: Duration
  /** What has a budget of its own; not empty. Synchronous and pure. @default all messages together */
  readonly key?: (body: B, ctx: Context<N>) => string
  /** Whether a message that is over the budget fails with `THROTTLED` instead of waiting. @default false */
  readonly reject?: boolean
  /** Whether the messages after it with the same key wait too. @default false */
  readonly hold?: boolean
  /** Steps with the same scope share their budget, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

/** How many messages are in the steps at once, and what becomes of the others. */
export interface ConcurrencyOptions<B, N> extends CommonOptions {
  /** The most messages: a whole number from 1 to 1000, or a function of the message that answers one. */
  readonly concurrent: number | ((body: B, ctx: Context<N>) => number)
  /** What has places of its own; not empty. Synchronous and pure. @default all messages together */
  readonly key?: (body: B, ctx: Context<N>) => string
  /** Whether a message that finds no place fails with `THROTTLED` instead of waiting. @default false */
  readonly reject?: boolean
  /** Whether the messages after it with the same key wait too. @default false */
  readonly hold?: boolean
  /** Steps with the same scope share their places, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

type Asked = (body: unknown, ctx: StepContext) => unknown

interface GivenThrottle
  extends Partial<ThrottleOptions<unknown, unknown>>,
    Partial<Pick<ConcurrencyOptions<unknown, unknown>, 'concurrent'>> {}

/** The `throttle` step. */
export const throttle: Pattern = {
  kind: 'throttle',
  stepClass: 'stateful',
  summary:
    'Lets at most so many messages go on in so much time, or be in its steps at once; others wait or fail (Throttler).',
  methods: {
    throttle: (draft, name: string, given: GivenThrottle, scope?: (inner: never) => unknown) => {
      const most = given?.max ?? given?.concurrent
      return draft.add({
        kind: 'throttle',
        name,
        options: isOfPlaces(given, scope, name) ? placesOf(given, name) : dataOf(given, name),
        code: {
          ...(typeof most === 'function' ? { max: most } : {}),
          ...(given.key === undefined
            ? {}
            : { key: needFunction(given.key, 'the option key of throttle()', name) }),
        },
        scopes: scope === undefined ? [] : [{ name: '', label: 'at once', draft: draft.scope(scope) }],
        common: given,
        keepsState: true,
      })
    },
  },
  drawn: 'within',
  detail: ({ options: { max, perMs } }) =>
    `throttle ${max === null ? '' : `${max} `}${perMs === null ? 'at once' : `per ${formatDuration(perMs as number)}`}`,
  compile(node, code, { path, program }) {
    if (node.scopes.length > 0) return placesExecutor(node, code, path, program(''))
    const { scope, max: fixed, perMs, reject, hold } = node.options
    const key = code['key'] as Asked | undefined
    const max = code['max'] as Asked | undefined
    return async (pass) => {
      const context = pass.enter(path)
      const cell = key ? keyText(key(pass.body, context), path) : ''
      const most = max ? mostOf(max(pass.body, context), path) : (fixed as number)
      const change = slotFor(most, perMs as number, reject === true ? path : null)
      let slot = await pass.update(path, scope as string, cell, change)
      while (slot !== null) {
        const stop = pass.pause(path, timeOf(slot), hold === true, 'again')
        if (stop !== undefined) return stop
        slot = await pass.update(path, scope as string, cell, wokenAt(slot, most, perMs as number), 'again')
      }
      return undefined
    }
  },
}

function placesExecutor({ options }: StepNode, code: StepCode, path: string, steps: Program): Executor {
  const key = code['key'] as Asked | undefined
  const max = code['max'] as Asked | undefined
  const places: Places = {
    path,
    scope: options['scope'] as string,
    reject: options['reject'] === true,
    hold: options['hold'] === true,
    of: (body, context) => ({
      cell: key ? keyText(key(body, context), path) : '',
      most: max ? Math.min(mostOf(max(body, context), path), MOST_PLACES) : (options['max'] as number),
    }),
  }
  return (pass) => throughPlaces(pass, places, steps)
}

/** Whether a throttle is of messages at once, and not of messages in a time; refuses a mixture. */
function isOfPlaces(given: GivenThrottle, scope: unknown, step: string): boolean {
  const { concurrent, max, per } = given ?? {}
  if (concurrent === undefined && scope === undefined) return false
  if (concurrent === undefined)
    throw invalid(
      `${stepWords(step)} has steps of its own, so it needs the option concurrent: how many messages are in them at once.`,
    )
  if (max !== undefined || per !== undefined)
    throw invalid(
      `${stepWords(step)} has concurrent beside max and per. Put one throttle into the steps of the other.`,
    )
  needFunction(scope, 'the steps of throttle() with concurrent', step)
  return true
}

function placesOf(given: GivenThrottle, step: string): Readonly<Record<string, Json>> {
  const { concurrent, reject, hold, scope } = given
  if (typeof concurrent !== 'function' && !(isCount(concurrent) && concurrent <= MOST_PLACES))
    throw invalid(
      `${stepWords(step)}: concurrent is a whole number from 1 to ${MOST_PLACES} or a function, not ${shown(concurrent)}.`,
    )
  checkHold(given, step)
  return {
    max: typeof concurrent === 'function' ? null : concurrent,
    perMs: null,
    reject: reject === true,
    hold: hold === true,
    ...(scope === undefined ? {} : { scope }),
  }
}

/** The cell of all that are in must not grow without bound. */
const MOST_PLACES = 1_000

function checkHold({ reject, hold }: GivenThrottle, step: string): void {
  if (reject === true && hold === true)
    throw invalid(
      `${stepWords(step)} rejects, so nothing waits there that could hold its key. Leave hold out.`,
    )
}

function dataOf(given: GivenThrottle, step: string): Readonly<Record<string, Json>> {
  const { max, per, scope } = given ?? {}
  if (typeof max !== 'function' && !isCount(max))
    throw invalid(`${stepWords(step)}: max is a whole number from 1 or a function, not ${shown(max)}.`)
  const perMs = per === undefined ? 0 : durationMs(per)
  if (perMs <= 0) throw invalid(`${stepWords(step)}: per is a duration longer than 0, such as '1m'.`)
  checkHold(given, step)
  return {
    max: typeof max === 'function' ? null : max,
    perMs,
    reject: given.reject === true,
    hold: given.hold === true,
    ...(scope === undefined ? {} : { scope }),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

function mostOf(given: unknown, path: string): number {
  const most = answered(given, path, 'its max')
  if (isCount(most)) return most
  throw new LinkspanError(
    'STEP_FAILED',
    `The max of the throttle "${path}" is a whole number from 1, but its function answered ${shown(most)}.`,
    { details: { path } },
  )
}

/** When a message may go on; and how many slots it missed before, where it did. */
type Slot = number | readonly [time: number, missed: number]

const timeOf = (slot: Slot): number => (typeof slot === 'number' ? slot : slot[0])
const missedOf = (slot: Slot): number => (typeof slot === 'number' ? 0 : slot[1])

/** Reserves the next slot and answers its time, or null when it is now. `rejecting` is the path of a step that rejects. */
function slotFor(most: number, perMs: number, rejecting: string | null, missed = 0): CellChange<Slot | null> {
  return (present, at) => {
    const { slot, slots, until } = reserveSlot(present as Slots | null, { most, perMs, at })
    if (slot <= at) return { value: slots, until, result: null }
    // Thrown here nothing is recorded and no slot taken, so that the message can be sent again.
    if (rejecting !== null) throw throttled(rejecting, most, perMs, slot - at)
    return { value: slots, until, result: missed === 0 ? slot : [slot, missed] }
  }
}

/**
 * Goes on when its slot has come. One that wakes up late, as the engine was away, takes another slot: otherwise all
 * whose slots were missed would go on together. Each time it may be twice as late: where every way to it takes a while, as
 * through another engine of a cluster, it would miss its slots for ever.
 */
function wokenAt(slot: Slot, most: number, perMs: number): CellChange<Slot | null> {
  const times = missedOf(slot)
  const latest = timeOf(slot) + Math.max(LATE_MS, perMs / LATE_PARTS) * 2 ** times
  return (present, at) =>
    at <= latest ? { result: null } : slotFor(most, perMs, null, times + 1)(present, at)
}

const LATE_MS = 1_000
const LATE_PARTS = 128

function throttled(path: string, most: number, perMs: number, afterMs: number): LinkspanError {
  return new LinkspanError(
    'THROTTLED',
    `The throttle "${path}" lets at most ${most} per ${formatDuration(perMs)} go on, and this is one more. The next could go on in ${formatDuration(afterMs)}.`,
    { details: { path, max: most, perMs, afterMs } },
  )
}
