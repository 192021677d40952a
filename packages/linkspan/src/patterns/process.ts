import type { Operation } from '../connect/connector.ts'
import type { Duration } from '../model/duration.ts'
import type { StepNode } from '../model/flow-definition.ts'
import type { Guarantee, NoGuarantee } from '../model/guarantee.ts'
import type { Headers, Json } from '../model/message.ts'
import type { ErrorAction, ErrorPolicy } from '../model/policy.ts'
import './steps.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { Acknowledgement } from './parts/calling.ts'
import { asJson, copyOf } from './parts/json.ts'
import { placer } from './parts/placed.ts'
import { processContext } from './parts/process-context.ts'
import { ProcessRun } from './parts/process-run.ts'
import { callPolicy, declaredBy, usesScope } from './parts/process-uses.ts'
import type { CommonOptions, Draft, LogLevel, NewStep, Pass, Pattern, StepContext } from './pattern.ts'
import type { Channel } from './publish.ts'
import type { Bound, Context, NewName } from './steps.ts'
import type { EventDeclaration } from './wait-for.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Process Manager: an async function as a step, for logic that does not fit a graph. What it asks of `ctx` (`call`,
     * `sleep`, `waitFor`, `raise`, `publish`) is on record by its name and, where that comes again, its occurrence. So after a
     * crash, a sleep or a wait of months the function is run again from the record and goes on where it was; meanwhile
     * it takes no memory, and its key is free unless `hold` is set. What it calls, waits for and publishes to is declared
     * in `uses`: each is a step of its own in the diagram, in `linkspan check`, in traces and metrics, and each call has the
     * guarantee of its operation and a policy.
     *
     * `Promise.all`, `Promise.race`, `try` and loops work as in any function. One rule: whatever is not a function of
     * what it was given it asks of `ctx`, the time as `ctx.now` and chance as `ctx.random()` or `ctx.uuid()`. A function that
     * does otherwise is found out when it is run again, before it begins anything that its record does not have.
     *
     * A call that has failed for good rejects; what the function does not catch fails the message. What it answers is bound
     * to `as` or, without it, becomes the body; when it answers nothing, the body stays. A process that has ended is not
     * run again.
     *
     * @throws {LinkspanError} `PROCESS_ENDLESS` when it asks more than `most` times; `PROCESS_STRAYED` (parked) when it does not
     *   do again what is on its record; `STEP_ASYNC` when it waits for something that it did not ask of `ctx`.
     * @example
     * ```ts
     * import { event, flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * declare const quote: Operation<{ order: string }, { price: number }, { kind: 'natural' }>
     * declare const book: Operation<{ order: string; price: number }, { number: string }, { kind: 'key'; validFor: '24h' }>
     * const approved = event<{ by: string }>('approved', { keep: '30d' })
     * const bookings = flow('bookings')
     *   .from(inbox<{ id: string }>(), { key: (order) => order.id })
     *   .process('book', { uses: { quote, book, approved }, as: 'booked' }, async (order, ctx) => {
     *     for (;;) {
     *       const { price } = await ctx.call('quote', { order: order.id })
     *       if (price > 1000) await ctx.waitFor('approved', order.id, { timeout: '14d' })
     *       if (price < 5000) return await ctx.call('book', { order: order.id, price })
     *       await ctx.sleep('until it is cheaper', '1d')
     *     }
     *   })
     *   .map((_order, { booked }) => booked.number)
     * ```
     */
    process<const U extends Uses, R, K extends string = never>(
      name: string,
      options: ProcessOptions<U, N, K>,
      run: (body: B, ctx: ProcessContext<U> & Context<N>) => Promise<R>,
    ): [K] extends [never] ? Steps<AnsweredOr<B, R>, N, F> : Steps<B, N & Bound<K, R>, F>
  }
}

/** What a process answers; where that is nothing, the body as it was. */
export type AnsweredOr<B, R> = R extends R ? (undefined extends R ? B : R) : never

/** What a process may call, wait for and publish to, by the names that it uses for them. */
export interface Uses {
  readonly [name: string]: Use
}

/** One thing that a process uses: an operation, with settings where need be, an event or a channel. */
export type Use =
  | Operation<never, unknown>
  | OperationUse<never, unknown>
  | EventDeclaration<unknown>
  | Channel<unknown, never>

/** An operation with settings. */
export interface OperationUse<In, Out, G extends Guarantee = Guarantee> extends CommonOptions {
  readonly operation: Operation<In, Out, G>
  /** The time limit of a call. @default the operation's */
  readonly timeout?: Duration
  /** What an unknown outcome becomes; for an operation of guarantee `none` it has to be said. */
  readonly onUnknown?: 'inDoubt' | 'atLeastOnce'
  /** How often a failed call is tried again before it rejects. @default the process's, else the flow's */
  readonly onError?: ErrorAction | ErrorPolicy
}

/** What each use must be; a text says what one lacks. */
export type CheckedUses<U> = { readonly [K in keyof U]: CheckedUse<U[K]> }

type CheckedUse<T> =
  T extends OperationUse<never, unknown, infer G>
    ? T & Acknowledgement<G>
    : T extends Operation<never, unknown, infer G>
      ? [G] extends [NoGuarantee]
        ? 'this operation has the guarantee "none": write { operation, onUnknown }'
        : T
      : T

/** How a process runs, and what it uses. */
export interface ProcessOptions<U, N, K extends string> extends CommonOptions {
  /** What the process calls, waits for and publishes to. @default nothing */
  readonly uses?: [U] extends [CheckedUses<U>] ? U : CheckedUses<U>
  /** The name that its result is bound to; without it the result is the body. */
  readonly as?: NewName<K, N>
  /** How often a failed call is tried again before it rejects, where its use says nothing. @default the flow's policy */
  readonly onError?: ErrorAction | ErrorPolicy
  /** Whether the messages after it with the same key wait while it sleeps and waits. @default false */
  readonly hold?: boolean
  /** How often it may ask, 10,000 at most. @default 1000 */
  readonly most?: number
}

/** What the function of a process asks for what is not a function of what it was given. */
export interface ProcessContext<U> {
  /**
   * The process's own time, milliseconds since 1970: when what it was last told of happened. It does not move while the
   * function runs.
   */
  readonly now: number
  /** A number in [0, 1), the same each time the process comes here. Not for secrets. */
  random(): number
  /** An identifier of the form of a UUID (version 4), the same each time the process comes here. Not for secrets. */
  uuid(): string
  /**
   * Calls what is declared under a name, under the guarantee of its operation. Rejects when it has failed for good. A
   * call that was asked for is made and ended before the process ends, also when nobody awaits it.
   */
  call<K extends UsedCalls<U>>(name: K, ...input: CallInput<U[K]>): Promise<CallResult<U[K]>>
  /** Sleeps for a length of time or until a time. The time first asked for counts. */
  sleep(name: string, wait: Duration | Date): Promise<void>
  /**
   * Waits for an event that is raised for a key. Rejects with `WAIT_TIMED_OUT` after `timeout`. Of several waits for one
   * event and key the last that was asked for takes it, so one that lost a race takes nothing away from the next.
   */
  waitFor<K extends UsedEvents<U>>(
    name: K,
    key: string | number,
    options?: { readonly timeout?: Duration },
  ): Promise<EventValue<U[K]>>
  /**
   * Raises an event for a key, once, together with what the process does next; whoever waits for it by `waitFor` goes on. Its
   * waits for the event are told of it like any.
   */
  raise<K extends UsedEvents<U>>(name: K, key: string | number, value: EventValue<U[K]>): void
  /** Puts a message on a channel, once, together with what the process does next. */
  publish<K extends UsedChannels<U>>(
    name: K,
    body: ChannelBody<U[K]>,
    options?: { readonly key?: string | number | null; readonly headers?: Headers },
  ): void
  /** Writes a line to the engine's log, once. */
  log(name: string, line?: Readonly<Record<string, unknown>>, level?: LogLevel): void
}

/** The operation that a use is, or has. */
type OperationOf<T> = T extends { readonly operation: infer O } ? O : T

/** The names of uses that are operations. */
export type UsedCalls<U> = {
  [K in keyof U]: OperationOf<U[K]> extends Operation<never, unknown> ? K : never
}[keyof U]

/** The names of uses that are events. */
export type UsedEvents<U> = { [K in keyof U]: U[K] extends EventDeclaration<unknown> ? K : never }[keyof U]

/** The names of uses that are channels. */
export type UsedChannels<U> = { [K in keyof U]: U[K] extends Channel<unknown, never> ? K : never }[keyof U]

/** What is called with: no argument where the operation takes none. */
export type CallInput<T> =
  OperationOf<T> extends Operation<infer In, unknown>
    ? undefined extends In
      ? [input?: In]
      : [input: In]
    : never

/** What an operation answers. */
export type CallResult<T> = OperationOf<T> extends Operation<never, infer Out> ? Out : never

/** What an event carries. */
export type EventValue<T> = T extends EventDeclaration<infer V> ? V : never

/** What may be published to a channel. */
export type ChannelBody<T> = T extends Channel<unknown, infer In> ? In : never

/** The names that the context of a process has beside those of any step. */
const OWN_NAMES = ['call', 'sleep', 'waitFor', 'raise', 'publish', 'log', 'uuid'] as const
const MOST = 1_000
const MOST_OF_ALL = 10_000

interface GivenProcess extends CommonOptions {
  readonly uses?: Readonly<Record<string, unknown>>
  readonly as?: string
  readonly onError?: ErrorAction | ErrorPolicy
  readonly hold?: boolean
  readonly most?: number
}

type Run = (body: unknown, ctx: StepContext) => unknown

/** How a process ended, as it is on record: the message's own time then, and what its function answered, if it did. */
interface Result {
  readonly at: number
  readonly value?: Json
}

/** The `process` step. */
export const processStep: Pattern = {
  kind: 'process',
  stepClass: 'effect',
  summary: 'Runs an async function that goes on from its record, also after months (Process Manager).',
  methods: {
    process: (draft, name: string, given: GivenProcess, run: Run) =>
      draft.add(newStep(draft, name, given, run)),
  },
  drawn: 'uses',
  compile(node, code, tools) {
    const { path } = tools
    const plan = { path, most: node.options['most'] as number, hold: node.options['hold'] === true }
    const declared = declaredBy(node, code['policy'] as ErrorPolicy | undefined, tools)
    const finish = finisher(node)
    return async (pass) => {
      const process = pass.process(path)
      const ended = pass.recall(path)?.value as Result | undefined
      if (ended && process.strict) return finish(pass, ended)
      const run = new ProcessRun(pass, process, plan)
      const context = processContext({ pass, process, run, path, declared })
      const body = copyOf(pass.body)
      const left = await run.run(() => (code['run'] as Run)(body, context))
      if (left.kind === 'stop') return left.stop
      const result = resultOf(left.result, Math.max(pass.context.now, ended?.at ?? 0), path)
      if (!ended) pass.record(path, result as unknown as Json)
      return finish(pass, result)
    }
  },
}

function newStep(draft: Draft, name: string, given: GivenProcess, run: Run): NewStep {
  if (typeof given !== 'object' || given === null)
    throw invalid(
      `${stepWords(name)}: a process takes its options, as { uses }, and then its function, not ${shown(given)}.`,
    )
  const { as, onError, hold, most = MOST, uses = {}, renamedFrom } = given
  if (!Number.isSafeInteger(most) || most < 1 || most > MOST_OF_ALL)
    throw invalid(
      `${stepWords(name)}: "most" is a whole number from 1 to ${MOST_OF_ALL}, not ${shown(most)}.`,
    )
  const code = { run: needFunction(run, 'the function of process()', name) }
  return {
    kind: 'process',
    name,
    options: { hold: hold === true, most, ...(as === undefined ? {} : { as }) },
    code: onError === undefined ? code : { ...code, policy: callPolicy(onError, name) },
    scopes: usesScope(draft, uses, name),
    common: renamedFrom === undefined ? {} : { renamedFrom },
    binds: as === undefined ? [] : [as],
    hides: OWN_NAMES,
  }
}

function resultOf(value: unknown, at: number, path: string): Result {
  return value === undefined ? { at } : { at, value: asJson(value, path, 'its result') }
}

/** Goes on from the end of a process; one that answered nothing leaves the body as it was. */
function finisher(node: StepNode): (pass: Pass, result: Result) => undefined {
  const place = placer(node)
  return (pass, { at, value }) => {
    pass.moveTo(at)
    if (value !== undefined) place(pass, value)
  }
}
