import type { CallContext, Verdict } from '../../connect/connector.ts'
import { durationMs } from '../../model/duration.ts'
import { LinkspanError, storeError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { backoffMs, exponential } from '../../model/policy.ts'
import type { Connections } from '../connections.ts'
import { Interrupt } from '../pass/interrupt.ts'
import type { Attempt } from './attempt.ts'
import type { Permits, Slot } from './permits.ts'
import { RunningCall } from './running-call.ts'
import type { Limited } from './time-limits.ts'

/** How a system is asked what became of a call. */
export type Verify = (client: unknown, input: unknown, call: CallContext) => Promise<Verdict<unknown>>

/** What a system said of an earlier call. */
export interface Said {
  readonly verdict: Verdict<unknown> | { readonly state: 'unknown'; readonly thrown: unknown }
  readonly ms: number
}

/** What asking systems takes. */
export interface QuestionsOptions {
  readonly clock: Clock
  readonly connections: Connections
  readonly permits: Permits
  readonly limited: Limited
  /** When this engine took a partition over, milliseconds since 1970: no other made a call of its messages after that. */
  readonly since: (partition: number) => number
}

/** Asks systems what became of calls whose outcome is unknown. */
export interface Questions {
  /** Puts the question, which takes from the connection's budget like any call. */
  put(attempt: Attempt, verify: Verify): Promise<Said>
  /** From when on a call that was made before may be asked after. */
  mayAskAt(attempt: Attempt): number
}

/** How often a system that cannot say is asked before a person is: for about an hour. */
export const MAX_QUESTIONS = 20
const QUESTION_PAUSES = exponential('500ms', '5m')

/** Makes the questions of one engine. */
export function createQuestions(options: QuestionsOptions): Questions {
  const { clock, connections, permits, limited } = options

  const question = async (attempt: Attempt, verify: Verify, slot: Slot | null): Promise<Said> => {
    const client = await connections.client(attempt.operation.connection)
    if (slot) await permits.mayLeave(attempt, slot, false)
    const began = clock.monotonic()
    const asking = new RunningCall(attempt, () => true)
    const verdict = await limited(attempt, asking, (context) => verify(client, attempt.input, context)).then(
      (said: Verdict<unknown> | null | undefined) => ({ state: 'unknown' as const, ...said }),
      (thrown: unknown) => ({ state: 'unknown' as const, thrown }),
    )
    return { verdict, ms: clock.monotonic() - began }
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

  return {
    put: (attempt, verify) =>
      attempt.purse === null
        ? question(attempt, verify, null)
        : permits.withPermit(attempt, attempt.purse, (slot) => question(attempt, verify, slot)),
    mayAskAt: (attempt) => askAt(attempt, madeBy(attempt)),
  }
}

/** When a call that was made by then is over and the system has settled it: from then on its answer counts. */
export function askAt({ operation, timeoutMs }: Attempt, madeBy: number): number {
  const settle = operation.guarantee.kind === 'verify' ? durationMs(operation.guarantee.settleAfter) : 0
  return madeBy + timeoutMs + settle
}

/** How long to wait before the question is put again. */
export function pauseBefore(attempt: Attempt, { retry }: LinkspanError): number {
  const asked = Math.max(1, questionsPut(attempt) - 1)
  const pause = backoffMs(QUESTION_PAUSES, asked, attempt.pass.ports.chance())
  return typeof retry === 'object' ? Math.max(pause, retry.afterMs) : pause
}

/** How often it came to nothing. */
export function questionsPut({ pass, request }: Attempt): number {
  return pass.recorded.filter((entry) => entry.t === 'unknown' && entry.p === request.path).length
}

/** Leaves the pass until the system is asked. */
export function later({ request }: Attempt, wakeAt: number, error: LinkspanError | null): Interrupt {
  return new Interrupt({
    kind: 'suspend',
    why: 'verify',
    wakeAt,
    hold: true,
    path: request.path,
    error: error && storeError(error),
  })
}

/** Leaves the pass in doubt: a person has to say what became of the call. */
export function doubted({ request }: Attempt, error: LinkspanError): Interrupt {
  return new Interrupt({ kind: 'doubt', path: request.path, error })
}

/** The doubt of a call that nobody can be asked after, or has been in vain. */
export function doubt(attempt: Attempt, why: string): Promise<never> {
  const { connection, name } = attempt.operation
  const message = `Whether "${attempt.request.path}" (${connection.name} ${name}) took effect is unknown: ${why}. Look there, then resolve it as applied or not.`
  return Promise.reject(
    doubted(attempt, new LinkspanError('CALL_UNKNOWN_OUTCOME', message, { applied: 'unknown' })),
  )
}
