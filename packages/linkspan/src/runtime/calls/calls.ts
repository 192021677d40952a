import type { Operation } from '../../connect/connector.ts'
import { durationMs } from '../../model/duration.ts'
import { ensureError, isLinkspanError, LinkspanError, storeError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Clock } from '../../model/outside.ts'
import type { CallRequest } from '../../patterns/pattern.ts'
import type { Budgets } from '../budget/budgets.ts'
import type { Connections } from '../connections.ts'
import { Interrupt } from '../pass/interrupt.ts'
import { sameJson, settled } from '../json.ts'
import type { MessagePass } from '../pass/pass.ts'
import { endIfLate } from '../time-limit.ts'
import { type Attempt, inputOf, timeoutOf } from './attempt.ts'
import { createBatches, isBatched } from './batches.ts'
import type { CallState } from './call-state.ts'
import { createPermits, type Slot } from './permits.ts'
import {
  askAt,
  createQuestions,
  doubt,
  doubted,
  later,
  MAX_QUESTIONS,
  pauseBefore,
  questionsPut,
  type Verify,
} from './questions.ts'
import { RunningCall } from './running-call.ts'
import { createTimeLimits } from './time-limits.ts'

/** What making calls takes. */
export interface CallsOptions {
  readonly clock: Clock
  readonly connections: Connections
  readonly budgets: Pick<Budgets, 'of'>
  /** Hands what the pass has on record so far to the next commit. */
  readonly save: (pass: MessagePass) => void
  /** The same, and resolves after the commit. */
  readonly saved: (pass: MessagePass) => Promise<void>
  /** Null when this engine may send now; else resolves when it may, or never will. */
  readonly lease: () => Promise<void> | null
  /** Whether a message is still this engine's to run. @default always */
  readonly isOurs?: (pass: MessagePass) => boolean
  /** Fires when the engine stops for good: running calls are given up. */
  readonly stopped: AbortSignal
  /** When this engine took a partition over, milliseconds since 1970: no other made a call of its messages after that. */
  readonly since: (partition: number) => number
  /** An error as it may be kept. */
  readonly clean: (error: LinkspanError) => LinkspanError
}

/** Makes calls under their guarantees (DESIGN.md, the engine's model: effects). */
export interface Calls {
  call(pass: MessagePass, request: CallRequest, input: unknown, state: CallState): Promise<unknown>
}

/** Makes the caller of one engine. */
export function createCalls(options: CallsOptions): Calls {
  const { clock, connections, stopped } = options
  const batches = createBatches(clock)
  const permits = createPermits(options)
  const limited = createTimeLimits(clock, stopped)
  const questions = createQuestions({ clock, connections, permits, limited, since: options.since })

  const call: Calls['call'] = (pass, request, input, state) => {
    const operation = request.operation as Operation<unknown, unknown>
    const timeoutMs = patience(pass, operation, timeoutOf(request.timeoutMs, operation))
    const purse = options.budgets.of(operation.connection.name)
    const attempt: Attempt = { pass, request, operation, input, state, timeoutMs, purse, text: null }
    const open = state.open ?? forgotten(attempt)
    return open ? reopen({ ...attempt, state: { ...state, open } }, open) : send(attempt)
  }

  /**
   * A first send under a key leaves nothing on record until it is answered. When an engine died meanwhile, it may have
   * been made at any time since the message was accepted, and its key counts from then. Where something is on record,
   * a failure or what a person said of a doubt, it tells what became of that send, and later ones are on record before
   * they are made.
   */
  const forgotten = ({ pass, operation, input, state }: Attempt): CallState['open'] => {
    const { loaded } = pass
    const before = operation.guarantee.kind === 'key' && loaded.interrupted && !state.known
    return before ? { input: input as Json, first: loaded.acceptedAt, limitMs: null } : null
  }

  /** An earlier send may have taken effect: what now depends on the guarantee. */
  const reopen = (attempt: Attempt, open: NonNullable<CallState['open']>): Promise<unknown> => {
    if (!sameJson(open.input, attempt.input))
      attempt.pass.park(
        attempt.request.path,
        `the input of "${attempt.request.path}" is another one than was sent before`,
      )
    switch (attempt.operation.guarantee.kind) {
      case 'natural':
        return send(attempt)
      case 'key':
        if (clock.now() - open.first < durationMs(attempt.operation.guarantee.validFor)) return send(attempt)
        return attempt.operation.verify
          ? ask(attempt, open)
          : doubt(
              attempt,
              `its idempotency key was valid for ${attempt.operation.guarantee.validFor} and that is over`,
            )
      case 'verify':
        return ask(attempt, open)
      case 'none':
        return attempt.request.onUnknown === 'atLeastOnce'
          ? send(attempt)
          : doubt(attempt, 'the system can neither be asked nor recognise a repeated call')
    }
  }

  /** A call that may be broken off without harm is, when its message is too late. */
  const patience = (
    { loaded: { until } }: MessagePass,
    { guarantee }: Operation<unknown, unknown>,
    timeoutMs: number,
  ): number => {
    if (until === undefined || guarantee.kind !== 'natural') return timeoutMs
    return Math.max(1, Math.min(timeoutMs, until - clock.now() + 1))
  }

  const send = (attempt: Attempt): Promise<unknown> =>
    attempt.purse === null
      ? deliver(attempt, null)
      : permits.withPermit(attempt, attempt.purse, (permit) => deliver(attempt, permit))

  const deliver = async (attempt: Attempt, slot: Slot | null): Promise<unknown> => {
    const { pass, request, operation, state, timeoutMs } = attempt
    const client = connections.client(operation.connection)
    const connected = client instanceof Promise ? await client : client
    if (needsIntent(attempt)) {
      pass.note({
        t: 'intent',
        p: request.path,
        at: clock.now(),
        g: state.generation,
        ...inputOf(attempt),
        limit: timeoutMs,
      })
      await options.saved(pass)
    } else if (pass.uncommitted !== null) {
      await pass.uncommitted
    } else if (pass.walk.unsaved.length > 0) {
      options.save(pass)
    }
    return make(attempt, connected, slot)
  }

  /** A call that was withheld has not begun: it is made when this engine may, and counts as no attempt. */
  const make = async (attempt: Attempt, client: unknown, slot: Slot | null): Promise<unknown> => {
    const { operation, input } = attempt
    const lease = options.lease()
    if (lease || slot) await permits.mayLeave(attempt, slot, needsIntent(attempt))
    const isOurs = (): boolean => options.isOurs?.(attempt.pass) ?? true
    if (stopped.aborted || !isOurs()) throw new Interrupt({ kind: 'abandon' })
    const began = clock.monotonic()
    const isGood = (): boolean =>
      isOurs() && options.lease() === null && (slot === null || slot.permit.isGood)
    const running = new RunningCall(attempt, isGood)
    let answer: unknown
    try {
      answer = await limited(attempt, running, (context) =>
        isBatched(operation)
          ? batches.run(operation, client, input, running)
          : operation.run(client, input, context),
      )
    } catch (thrown) {
      if (running.withheld && isLinkspanError(thrown) && thrown.applied === 'no')
        return make(attempt, client, slot)
      return failed(attempt, thrown, clock.monotonic() - began)
    }
    return answered(attempt, answer, clock.monotonic() - began)
  }

  /** The call took effect, whether or not its answer can be kept. */
  const answered = (attempt: Attempt, answer: unknown, ms: number): unknown => {
    let result: unknown
    try {
      result = settled(answer)
    } catch (thrown) {
      return failed(attempt, unkept(attempt, thrown), ms)
    }
    succeeded(attempt, result, ms)
    return result
  }

  /**
   * Under a key the hot path does without an intent: recovery marks a message that was running and has no wait. One
   * that has a wait looks the same whether it ran or not, so there the send itself is put on record first.
   */
  const needsIntent = ({ pass, operation }: Attempt): boolean => {
    const { kind } = operation.guarantee
    if (kind === 'key')
      return pass.loaded.inSourceLog === true || (pass.loaded.waits && pass.recorded.length > 0)
    return kind === 'verify' || kind === 'none'
  }

  const attempted = (attempt: Attempt, ms: number) => ({
    p: attempt.request.path,
    at: clock.now(),
    ms: Math.round(ms),
    g: attempt.state.generation,
    ...inputOf(attempt),
  })

  const succeeded = (attempt: Attempt, result: unknown, ms: number): void => {
    const { pass, request } = attempt
    const done = attempted(attempt, ms)
    const answer = result === undefined ? {} : { r: result as Json }
    pass.note({ t: 'done', ...done, ...answer })
    pass.moveTo(done.at)
    pass.ports.attempt(request.path, 'done', ms)
  }

  const failed = (attempt: Attempt, thrown: unknown, ms: number): Promise<unknown> => {
    if (thrown instanceof Interrupt) throw thrown
    if (stopped.aborted) throw new Interrupt({ kind: 'abandon' })
    const { pass, request, operation, state } = attempt
    const failure = ensureError(thrown, 'CALL_FAILED', {
      retry: 'later',
      applied: 'unknown',
      details: { step: request.path },
    })
    const error = options.clean(failure)
    if (isLinkspanError(error, 'CALL_RATE_LIMITED') && typeof error.retry === 'object')
      attempt.purse?.learn({ remaining: 0, resetMs: error.retry.afterMs })
    if (isLinkspanError(error, 'CONNECTION_FAILED')) connections.lost(operation.connection)
    const base = { ...attempted(attempt, ms), e: storeError(error) }
    if (error.applied === 'yes') {
      const { e, ...done } = base
      pass.note({ t: 'done', ...done, ...(request.usesResult ? { e } : {}) })
      pass.ports.attempt(request.path, 'done', ms)
      if (request.usesResult) throw error
      return Promise.resolve(undefined)
    }
    if (error.applied === 'no') {
      // That this attempt did nothing says nothing of the one before: its key stays the key.
      const before = operation.guarantee.kind === 'key' ? state.open : null
      pass.note({ t: 'failed', ...base, ...(before ? { first: before.first } : {}) })
      pass.ports.attempt(request.path, 'failed', ms)
      throw error
    }
    pass.note({ t: 'unknown', ...base, first: state.open?.first ?? clock.now() - Math.round(ms) })
    pass.ports.attempt(request.path, 'unknown', ms)
    return unknownOutcome(attempt, error)
  }

  const unknownOutcome = (attempt: Attempt, error: LinkspanError): Promise<unknown> => {
    const { operation, request } = attempt
    if (operation.guarantee.kind === 'natural') endIfLate(attempt.pass.loaded, clock.now())
    if (operation.guarantee.kind === 'verify') throw later(attempt, askAt(attempt, clock.now()), error)
    if (operation.guarantee.kind === 'none' && request.onUnknown !== 'atLeastOnce')
      throw doubted(attempt, error)
    throw error
  }

  const ask = async (attempt: Attempt, open: NonNullable<CallState['open']>): Promise<unknown> => {
    const { pass, request, operation, state } = attempt
    const from = questions.mayAskAt(attempt)
    if (clock.now() < from) throw later(attempt, from, null)
    if (!operation.verify) return doubt(attempt, 'the operation has no way to ask')
    const verify: Verify = operation.verify.bind(operation)
    const { verdict, ms } = await questions.put(attempt, verify)
    if (verdict.state === 'done') return answered(attempt, verdict.result, ms)
    if (verdict.state === 'absent') {
      const error = new LinkspanError('CALL_FAILED', 'The system says that the call did not arrive.', {
        retry: 'later',
        applied: 'no',
      })
      pass.note({ t: 'failed', ...attempted(attempt, ms), e: storeError(error) })
      pass.ports.inTime(pass)
      return send({ ...attempt, state: { ...state, open: null, generation: state.generation + 1 } })
    }
    if (questionsPut(attempt) >= MAX_QUESTIONS)
      return doubt(attempt, `it was asked ${MAX_QUESTIONS} times and could not say`)
    const failure = ensureError('thrown' in verdict ? verdict.thrown : undefined, 'CALL_UNKNOWN_OUTCOME', {
      retry: 'later',
      applied: 'unknown',
    })
    const error = options.clean(failure)
    pass.note({
      t: 'unknown',
      p: request.path,
      at: clock.now(),
      ms: Math.round(ms),
      g: state.generation,
      i: open.input,
      e: storeError(error),
      first: open.first,
    })
    throw later(attempt, clock.now() + pauseBefore(attempt, error), error)
  }

  return { call }
}

/** The answer of a call that took effect is no data, as one with a BigInt. */
function unkept({ operation }: Attempt, cause: unknown): LinkspanError {
  const { message } = ensureError(cause)
  return new LinkspanError(
    'CALL_REPLY_INVALID',
    `"${operation.connection.name}.${operation.name}" took effect, and its answer cannot be kept. ${message}`,
    { applied: 'yes', cause },
  )
}
