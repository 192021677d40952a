import type { CallContext, Operation, SystemLimits, Verdict } from '../connect/connector.ts'
import { durationMs } from '../model/duration.ts'
import { ensureError, isLinkspanError, LinkspanError, storeError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import { backoffMs, exponential } from '../model/policy.ts'
import type { CallRequest } from '../patterns/pattern.ts'
import type { Budgets } from './budget/budgets.ts'
import type { Permit, Purse } from './budget/purse.ts'
import type { CallState } from './call-state.ts'
import type { Connections } from './connections.ts'
import { createBatches, isBatched } from './batches.ts'
import { createDeadlines } from './deadlines.ts'
import { hashHex } from '../model/hashing.ts'
import { Interrupt } from './interrupt.ts'
import { jsonText, sameJson, settled } from './json.ts'
import type { MessagePass } from './pass.ts'
import { INPUT_TEXT } from './record.ts'
import { createRoster } from './roster.ts'
import { endIfLate } from './time-limit.ts'

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

const DEFAULT_TIMEOUT_MS = 30_000
/** How often a system that cannot say is asked before a person is: for about an hour. */
const MAX_QUESTIONS = 20
const QUESTION_PAUSES = exponential('500ms', '5m')

interface Attempt {
  readonly pass: MessagePass
  readonly request: CallRequest
  readonly operation: Operation<unknown, unknown>
  readonly input: unknown
  readonly state: CallState
  readonly timeoutMs: number
  /** What of the connection's budget it takes from, or null. */
  readonly purse: Purse | null
  /** The input as JSON text, once it was asked for. */
  text: string | null
}

/** The leave of an attempt, which may have to be had anew. */
interface Slot {
  permit: Permit
}

type Verify = (client: unknown, input: unknown, call: CallContext) => Promise<Verdict<unknown>>

/** What a system said of an earlier call. */
interface Said {
  readonly verdict: Verdict<unknown> | { readonly state: 'unknown'; readonly thrown: unknown }
  readonly ms: number
}

/** The input of an attempt as JSON text, made once: it is sent, and it is kept. */
function textOf(attempt: Attempt): string {
  attempt.text ??= jsonText(attempt.input)
  return attempt.text
}

/** The input of an attempt as an entry keeps it. */
function inputOf(attempt: Attempt): { readonly i: Json; readonly [INPUT_TEXT]?: string } {
  const i = attempt.input as Json
  return attempt.input === undefined ? { i } : { i, [INPUT_TEXT]: textOf(attempt) }
}

/** Makes the caller of one engine. */
export function createCalls(options: CallsOptions): Calls {
  const { clock, connections } = options
  const deadlines = createDeadlines(clock)
  const batches = createBatches(clock)
  const underWay = createRoster<() => void>()
  options.stopped.addEventListener('abort', () => {
    for (const stop of underWay) stop()
  })

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
      : withPermit(attempt, attempt.purse, (permit) => deliver(attempt, permit))

  /** Before an intent, so that a message which is sent back has not promised anything. */
  const withPermit = async <T>(
    attempt: Attempt,
    purse: Purse,
    run: (permit: Slot) => Promise<T>,
  ): Promise<T> => {
    const { pass, timeoutMs } = attempt
    const answer = await purse.permit(pass.loaded.seq, timeoutMs)
    if ('at' in answer) throw sentBack(attempt, answer.at)
    const slot: Slot = { permit: answer }
    try {
      return await run(slot)
    } finally {
      slot.permit.release()
    }
  }

  /** What is on record tells people what it waits for; and a message with a record puts its call there before it is made. */
  const sentBack = ({ pass, request, operation }: Attempt, wakeAt: number): Interrupt => {
    const connection = operation.connection.name
    const last = pass.recorded.at(-1)
    if (last?.t !== 'budget' || last.c !== connection)
      pass.note({ t: 'budget', p: request.path, c: connection })
    return new Interrupt({
      kind: 'suspend',
      why: 'budget',
      wakeAt,
      hold: true,
      path: request.path,
      error: null,
    })
  }

  /**
   * Resolves when the call may leave: this engine has its lease, and its part of the budget is still good. Where its intent
   * is on record it waits here, however long.
   */
  const mayLeave = async (attempt: Attempt, slot: Slot | null, promised: boolean): Promise<void> => {
    for (;;) {
      await options.lease()
      // The lease is answered too when it will never be good again.
      if (options.stopped.aborted || slot === null) return
      if (options.lease() === null) {
        if (slot.permit.use()) return
        const answer = await slot.permit.anew(!promised)
        if ('at' in answer) throw sentBack(attempt, answer.at)
        slot.permit = answer
      }
    }
  }

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
    } else if (pass.unsaved.length > 0) {
      options.save(pass)
    }
    return make(attempt, connected, slot)
  }

  /** A call that was withheld has not begun: it is made when this engine may, and counts as no attempt. */
  const make = async (attempt: Attempt, client: unknown, slot: Slot | null): Promise<unknown> => {
    const { operation, input } = attempt
    const lease = options.lease()
    if (lease || slot) await mayLeave(attempt, slot, needsIntent(attempt))
    if (options.stopped.aborted) throw new Interrupt({ kind: 'abandon' })
    const began = clock.monotonic()
    const isGood = (): boolean => options.lease() === null && (slot === null || slot.permit.isGood)
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
    if (kind === 'key') return pass.loaded.waits && pass.recorded.length > 0
    return kind === 'verify' || kind === 'none'
  }

  const succeeded = (attempt: Attempt, result: unknown, ms: number): void => {
    const { pass, request, state } = attempt
    const at = clock.now()
    const answer = result === undefined ? {} : { r: result as Json }
    pass.note({
      t: 'done',
      p: request.path,
      at,
      ms: Math.round(ms),
      g: state.generation,
      ...inputOf(attempt),
      ...answer,
    })
    pass.moveTo(at)
    pass.ports.attempt(request.path, 'done', ms)
  }

  const failed = (attempt: Attempt, thrown: unknown, ms: number): Promise<unknown> => {
    if (thrown instanceof Interrupt) throw thrown
    if (options.stopped.aborted) throw new Interrupt({ kind: 'abandon' })
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
    const base = {
      p: request.path,
      at: clock.now(),
      ms: Math.round(ms),
      g: state.generation,
      ...inputOf(attempt),
      e: storeError(error),
    }
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

  /** Puts the question to the system, which takes from the connection's budget like any call. */
  const question = async (attempt: Attempt, verify: Verify, slot: Slot | null): Promise<Said> => {
    const client = await connections.client(attempt.operation.connection)
    if (slot) await mayLeave(attempt, slot, false)
    const began = clock.monotonic()
    const asking = new RunningCall(attempt, () => true)
    const verdict = await limited(attempt, asking, (context) => verify(client, attempt.input, context)).then(
      (said: Verdict<unknown> | null | undefined) => ({ state: 'unknown' as const, ...said }),
      (thrown: unknown) => ({ state: 'unknown' as const, thrown }),
    )
    return { verdict, ms: clock.monotonic() - began }
  }

  const ask = async (attempt: Attempt, open: NonNullable<CallState['open']>): Promise<unknown> => {
    const { pass, request, operation, state, purse } = attempt
    const from = askAt(attempt, madeBy(attempt))
    if (clock.now() < from) throw later(attempt, from, null)
    if (!operation.verify) return doubt(attempt, 'the operation has no way to ask')
    const verify: Verify = operation.verify.bind(operation)
    const { verdict, ms } =
      purse === null
        ? await question(attempt, verify, null)
        : await withPermit(attempt, purse, (slot) => question(attempt, verify, slot))
    if (verdict.state === 'done') return answered(attempt, verdict.result, ms)
    if (verdict.state === 'absent') {
      const error = new LinkspanError('CALL_FAILED', 'The system says that the call did not arrive.', {
        retry: 'later',
        applied: 'no',
      })
      pass.note({
        t: 'failed',
        p: request.path,
        at: clock.now(),
        ms: Math.round(ms),
        g: state.generation,
        ...inputOf(attempt),
        e: storeError(error),
      })
      pass.ports.inTime(pass)
      return send({ ...attempt, state: { ...state, open: null, generation: state.generation + 1 } })
    }
    if (questions(attempt) >= MAX_QUESTIONS)
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

  /**
   * When the call had been made at the latest. Of one that died with its engine nobody knows more than that the engine
   * is dead: its intent may have waited long for the commit.
   */
  const madeBy = ({ pass, request }: Attempt): number => {
    const last = pass.recorded.findLast(
      (entry) => (entry.t === 'intent' || entry.t === 'unknown') && entry.p === request.path,
    )
    if (last?.t === 'unknown') return last.at
    const interrupted = pass.recorded.findLast((entry) => entry.t === 'interrupted')
    const since = pass.loaded.since ?? options.since(pass.loaded.partition)
    return Math.max(since, interrupted?.t === 'interrupted' ? interrupted.at : 0)
  }

  /** The call is over and the system has settled it: from then on its answer counts. */
  const askAt = ({ operation, timeoutMs }: Attempt, madeBy: number): number => {
    const settle = operation.guarantee.kind === 'verify' ? durationMs(operation.guarantee.settleAfter) : 0
    return madeBy + timeoutMs + settle
  }

  const pauseBefore = (attempt: Attempt, { retry }: LinkspanError): number => {
    const asked = Math.max(1, questions(attempt) - 1)
    const pause = backoffMs(QUESTION_PAUSES, asked, attempt.pass.ports.chance())
    return typeof retry === 'object' ? Math.max(pause, retry.afterMs) : pause
  }

  const questions = ({ pass, request }: Attempt): number =>
    pass.recorded.filter((entry) => entry.t === 'unknown' && entry.p === request.path).length

  const later = ({ request }: Attempt, wakeAt: number, error: LinkspanError | null): Interrupt =>
    new Interrupt({
      kind: 'suspend',
      why: 'verify',
      wakeAt,
      hold: true,
      path: request.path,
      error: error && storeError(error),
    })

  const doubted = ({ request }: Attempt, error: LinkspanError): Interrupt =>
    new Interrupt({ kind: 'doubt', path: request.path, error })

  const doubt = (attempt: Attempt, why: string): Promise<never> => {
    const { connection, name } = attempt.operation
    const message = `Whether "${attempt.request.path}" (${connection.name} ${name}) took effect is unknown: ${why}. Look there, then resolve it as applied or not.`
    return Promise.reject(
      doubted(attempt, new LinkspanError('CALL_UNKNOWN_OUTCOME', message, { applied: 'unknown' })),
    )
  }

  /** Runs a call with its time limit; past it the outcome is unknown, whatever the operation does. */
  const limited = <T>(
    attempt: Attempt,
    context: RunningCall,
    run: (context: CallContext) => Promise<T>,
  ): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const stop = (): void => {
        end()
        context.abort(undefined)
        reject(new Interrupt({ kind: 'abandon' }))
      }
      const inTime = deadlines.start(attempt.timeoutMs, () => {
        const error = timedOut(attempt, context.unsent)
        end()
        context.abort(error)
        reject(error)
      })
      const end = (): void => {
        inTime()
        underWay.leave(place)
      }
      const place = underWay.join(stop)
      started(run, context).then(
        (value) => {
          end()
          resolve(value)
        },
        (thrown: unknown) => {
          end()
          reject(thrown)
        },
      )
    })

  return { call }
}

/** The time limit of a call in milliseconds: the step's, the operation's, or ours. */
function timeoutOf(given: number | null, { timeout }: Operation<unknown, unknown>): number {
  return given ?? (timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(timeout))
}

/** An operation that throws before it answers has failed like one that rejects. */
function started<T>(run: (context: CallContext) => Promise<T>, context: CallContext): Promise<T> {
  try {
    return Promise.resolve(run(context))
  } catch (thrown) {
    return Promise.reject(thrown)
  }
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

function timedOut({ request, timeoutMs }: Attempt, unsent: boolean): LinkspanError {
  const what = unsent ? 'could not be sent' : 'did not answer'
  return new LinkspanError('CALL_TIMED_OUT', `"${request.path}" ${what} within ${timeoutMs} ms.`, {
    retry: 'later',
    applied: unsent ? 'no' : 'unknown',
  })
}

/** What an operation is told of a call; what it does not ask for is not made. */
class RunningCall implements CallContext {
  readonly timeoutMs: number
  readonly attempt: number
  /** Whether its operation was told that it may not send. */
  withheld = false
  /** Whether it waits for a request that takes it along. */
  unsent = false
  readonly #of: Attempt
  readonly #mayNow: () => boolean
  #controller: AbortController | null = null
  #listener: ((reason: unknown) => void) | null = null
  #aborted: { readonly reason: unknown } | null = null

  constructor(of: Attempt, mayNow: () => boolean) {
    this.#of = of
    this.#mayNow = mayNow
    this.timeoutMs = of.timeoutMs
    this.attempt = of.state.failures + 1
  }

  get messageId(): string {
    return this.#of.pass.loaded.id
  }

  get mark(): string {
    return markOf(this.messageId, this.#of.request.path, this.#of.state.generation)
  }

  get traceparent(): string {
    const { loaded } = this.#of.pass
    return loaded.headers['traceparent'] ?? traceparentOf(loaded.id)
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    return this.#controller.signal
  }

  onAbort(run: (reason: unknown) => void): () => void {
    if (this.#aborted) run(this.#aborted.reason)
    else this.#listener = run
    return () => {
      this.#listener = null
    }
  }

  maySend(): boolean {
    const may = this.#mayNow()
    this.withheld ||= !may
    return may
  }

  jsonText(value: unknown): string | undefined {
    return value === this.#of.input && value !== undefined ? textOf(this.#of) : JSON.stringify(value)
  }

  limits(said: SystemLimits): void {
    this.#of.purse?.learn(said)
  }

  abort(reason: unknown): void {
    this.#aborted = { reason }
    this.#listener?.(reason)
    this.#controller?.abort(reason)
  }
}

/** The mark of a call: the same as long as its outcome is unknown, another one after a definitive failure. */
export function markOf(messageId: string, path: string, generation: number): string {
  const end = messageId.indexOf('~')
  const root = end < 0 ? messageId : messageId.slice(0, end)
  const within = end < 0 ? '' : messageId.slice(end)
  return `${root}.${hashHex(`${within}\n${path}\n${generation}`, 3)}`
}

/** A trace context for a message that came without one (W3C Trace Context, version 00). */
export function traceparentOf(messageId: string): string {
  // The end of an accepted message's id is its token; a child's is not its own.
  const own = messageId.includes('~') ? hashHex(messageId, 2) : messageId.slice(-16).padStart(16, '0')
  const digits = Buffer.from(own, 'latin1').toString('hex')
  return `00-${digits}-${digits.slice(-16)}-01`
}
