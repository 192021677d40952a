import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError, restoreError, type StoredError, storeError } from '../model/errors.ts'
import './steps.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { branchesOf, branchScope, holding } from './parts/branches.ts'
import type { Merged } from './parts/merged.ts'
import type { CommonOptions, Draft, NewScope, Pass, Pattern, Program, Stop } from './pattern.ts'
import type { Ended, Failed, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Saga: steps of which each says how it is undone. When one fails for good, what the steps before it did is undone in
     * reverse: each compensation gets the body that its step ended with and the failure as `ctx.error`. Then the saga fails
     * with that error: the message is a dead letter, unless a `try` around it or the flow's `onError` says otherwise.
     *
     * Steps and compensations run within the message's pass and make their calls under the same guarantees as any, so
     * a saga survives crashes at any point: it goes on, forwards or backwards, where it was. A compensation is tried
     * again as its policy says; when it fails for good the message is a dead letter at that step for a person to look at, and
     * `linkspan dead redeliver` goes on with the compensations that are left. A call in doubt suspends the saga until a person
     * has resolved it, and it goes on either way.
     *
     * What a step that fails has done before its failure is its own to undo, so let each step make one call that matters.
     *
     * A saga within a step of another belongs to it: when the outer one fails after the inner one was done, be it in a later step
     * or further on in the same, the steps of the inner one are undone too, each in its turn (as a nested LRA of MicroProfile is
     * compensated with the one around it), after the compensation of the step that it is in. That holds within one message's
     * pass; children that a split or a multicast makes are messages of their own, and their sagas end with them.
     *
     * @throws {LinkspanError} `TIME_LIMIT` as the failure when a step would begin later than `timeout` after the first, or waits
     * then.
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * import type { Operation } from 'linkspan/connect'
     * interface Trip { readonly id: string }
     * declare const bookHotel: Operation<Trip, { room: string }, { kind: 'key'; validFor: '24h' }>
     * declare const cancelHotel: Operation<Trip, void, { kind: 'natural' }>
     * declare const bookFlight: Operation<Trip, { seat: string }, { kind: 'key'; validFor: '24h' }>
     * const trips = flow('trips')
     *   .from(inbox<Trip>(), { key: (trip) => trip.id })
     *   .saga('book', (s) => s
     *     .step('hotel', (b) => b.to('book hotel', bookHotel), { compensate: (undo) => undo.to('cancel hotel', cancelHotel) })
     *     .step('flight', (b) => b.to('book flight', bookFlight)))
     * ```
     */
    saga<O, H extends FlowFacts>(
      name: string,
      build: (saga: SagaSteps<B, N, F, B, F>) => SagaParts<O, H>,
      options?: SagaOptions,
    ): Steps<O, N, Merged<F, H>>
  }
}

/** The steps of a saga so far: they end with `O` or reply by `H`. */
export interface SagaSteps<B, N, F extends FlowFacts, O, H extends FlowFacts> extends SagaParts<O, H> {
  /** One more step, which begins with what the one before ended with. */
  step<O2, H2 extends FlowFacts, H3 extends FlowFacts = F>(
    label: string,
    scope: (steps: Steps<O, N, F>) => Ended<O2, H2>,
    options?: SagaStepOptions<O2, N, F, H3>,
  ): SagaSteps<B, N, F, O2, Merged<Merged<H, H2>, H3>>
}

/** A saga with all its steps. */
export interface SagaParts<O, H extends FlowFacts> {
  /** The labels of its steps so far. */
  readonly labels: readonly string[]
  /** Phantom: what it ends with and replies. Never set. */
  readonly __saga?: () => readonly [O, H]
}

/** How a step of a saga is undone. */
export interface SagaStepOptions<O, N, F extends FlowFacts, H extends FlowFacts> {
  /** Undoes what the step did; begins with the body that the step ended with. Absent where there is nothing to undo. */
  readonly compensate?: (undo: Steps<O, N & Failed, F>) => Ended<unknown, H>
}

/** How a saga runs. */
export interface SagaOptions extends CommonOptions {
  /**
   * How long after its first step the last one may begin. A step that waits then, for a time or for an event, fails; a call that
   * is being tried again is tried as its policy says. @default no limit
   */
  readonly timeout?: Duration
}

interface Part {
  readonly label: string
  readonly scope: NewScope
  readonly predicate: undefined
  readonly undo: NewScope | null
}

interface SagaStep {
  readonly label: string
  readonly path: string
  readonly forward: Program
  /** The path of its compensation. */
  readonly undo: string | null
}

/** What is to be undone: where the compensation is, and the body that it begins with. Left for the sagas around. */
type Undo = { readonly at: string; readonly body: unknown }

const UNDO = 'undo '

/** The `saga` step. */
export const saga: Pattern = {
  kind: 'saga',
  stepClass: 'scope',
  summary:
    'Runs steps of which each says how it is undone, and undoes them in reverse when one fails (Saga).',
  methods: {
    saga: (draft, name: string, build: (saga: unknown) => unknown, given: SagaOptions = {}) => {
      const answer = needFunction(build, 'the steps of saga()', name)(chain(draft, name, []))
      const parts = branchesOf(answer, 'saga', name) as readonly Part[]
      return draft.add({
        kind: 'saga',
        name,
        options: {
          labels: parts.map(({ label }) => label),
          timeoutMs: given.timeout === undefined ? null : durationMs(given.timeout),
        },
        scopes: parts.flatMap(({ scope, undo }) => (undo === null ? [scope] : [scope, undo])),
        common: given,
      })
    },
  },
  compile(node, _code, { path, program, entry }) {
    const scopes = new Set(node.scopes.map(({ name }) => name))
    const steps = (node.options['labels'] as readonly string[]).map((label) => ({
      label,
      path: `${path}/${label}`,
      forward: program(label),
      undo: scopes.has(`${UNDO}${label}`) ? entry(`${UNDO}${label}`) : null,
    }))
    const timeoutMs = node.options['timeoutMs'] as number | null
    return async (pass) => {
      const began = pass.enter(path).now
      const limit = timeoutMs === null ? null : { saga: path, until: began + timeoutMs, timeoutMs }
      const before = pass.left
      try {
        return await runAll(pass, path, steps, before, limit)
      } catch (thrown) {
        // One that failed has undone what it did; what its compensations left is nobody's to undo.
        pass.takeLeft(before)
        throw thrown
      }
    }
  },
}

interface Limit {
  readonly saga: string
  readonly until: number
  readonly timeoutMs: number
}

async function runAll(
  pass: Pass,
  path: string,
  steps: readonly SagaStep[],
  before: number,
  limit: Limit | null,
): Promise<Stop | undefined> {
  for (const step of steps) {
    const isLate = limit !== null && pass.enter(path).now > limit.until
    const outcome = isLate ? { failure: storeError(tooLate(limit, step)) } : await forward(pass, step, limit)
    if ('stop' in outcome) return outcome.stop
    if (outcome.failure !== null)
      return undo(pass, path, pass.takeLeft(before) as readonly Undo[], outcome.failure)
    if (step.undo !== null) pass.leave({ at: pass.at(step.undo), body: pass.body } satisfies Undo)
  }
  return undefined
}

/** Runs a step of a saga: whether it ended or suspended the message, failed for good, or neither. */
async function forward(
  pass: Pass,
  step: SagaStep,
  limit: Limit | null,
): Promise<{ readonly stop: Stop } | { readonly failure: StoredError | null }> {
  let failure: StoredError | null = null
  const stop = await pass.rescue(
    step.path,
    (inner) => inTime(inner, step, limit),
    (error) => () => {
      failure = error
      return undefined
    },
  )
  return stop === undefined ? { failure } : { stop }
}

/** A step that waits does so no longer than until the saga's time is over, and fails then. */
async function inTime(pass: Pass, step: SagaStep, limit: Limit | null): Promise<Stop | undefined> {
  const stop = await step.forward.run(pass)
  if (limit === null || stop?.kind !== 'suspend') return stop
  if (pass.isPast(limit.until)) throw tooLate(limit, step)
  return { ...stop, wakeAt: Math.min(stop.wakeAt, limit.until) }
}

/** Undoes what was done, the last first, and fails as the step did. */
async function undo(
  pass: Pass,
  path: string,
  done: readonly Undo[],
  failure: StoredError,
): Promise<Stop | undefined> {
  pass.bind('error', failure)
  for (const { at, body } of done.toReversed()) {
    pass.body = body
    const stop = await pass.runAt(at)
    // A compensation that ends early, as by a filter, has nothing more to undo.
    if (stop?.kind === 'suspend') return stop
  }
  // It is the saga that fails now, not the compensation that was run last.
  pass.enter(path)
  throw restoreError({ ...failure, retry: 'never' })
}

function chain(draft: Draft, step: string, parts: readonly Part[]): object {
  return holding(
    {
      labels: parts.map(({ label }) => label),
      step: (
        label: string,
        build: (inner: never) => unknown,
        options: { readonly compensate?: (inner: never) => unknown } = {},
      ) => chain(draft, step, [...parts, partOf(draft, step, label, build, options.compensate)]),
    },
    parts,
  )
}

function partOf(
  draft: Draft,
  step: string,
  label: string,
  build: (inner: never) => unknown,
  compensate: ((inner: never) => unknown) | undefined,
): Part {
  const scope = branchScope(draft, label, build, step)
  if (label.startsWith(UNDO))
    throw invalid(
      `${stepWords(step)}: a step of a saga may not be called ${shown(label)}, as compensations are.`,
    )
  const undone =
    compensate === undefined
      ? null
      : branchScope(draft, `${UNDO}${label}`, compensate, step, { binds: ['error'] })
  return { label, scope, predicate: undefined, undo: undone }
}

function tooLate({ saga, timeoutMs }: Limit, { label }: SagaStep): LinkspanError {
  return new LinkspanError(
    'TIME_LIMIT',
    `The saga "${saga}" was not done ${timeoutMs} ms after it began: it had come to its step "${label}".`,
    { details: { path: saga, step: label, timeoutMs } },
  )
}
