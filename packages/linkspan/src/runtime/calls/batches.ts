import type { BatchedCall, CallBatch, CallContext, CallOutcome, Operation } from '../../connect/connector.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'

/** Makes calls together, where operations take several at once. */
export interface Batches {
  /** Makes a call as `operation.run` would. */
  run(
    operation: Batched,
    client: unknown,
    input: unknown,
    call: CallContext & { unsent: boolean },
  ): Promise<unknown>
}

/** An operation that takes several calls at once. */
export type Batched = Operation<unknown, unknown> & { readonly batch: CallBatch<unknown, unknown> }

/** Whether an operation takes several calls at once. */
export function isBatched(operation: Operation<unknown, unknown>): operation is Batched {
  return operation.batch !== undefined
}

interface Waiting extends BatchedCall<unknown> {
  readonly call: CallContext & { unsent: boolean }
  readonly size: number
  /** It was given up before it could be sent. */
  gone: boolean
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** The calls of one operation by one client. */
interface Gathering {
  readonly client: unknown
  readonly operation: Batched
  readonly waiting: Waiting[]
  underWay: number
  scheduled: boolean
}

/** Makes the gatherer of one engine: what is called while a request is under way goes into the next one. */
export function createBatches(clock: Pick<Clock, 'defer'>): Batches {
  const gatherings = new Map<Batched, Gathering>()

  /** A client that was made anew gathers anew; what is under way by the old one ends by itself. */
  const gatheringOf = (operation: Batched, client: unknown): Gathering => {
    const present = gatherings.get(operation)
    if (present !== undefined && present.client === client) return present
    const gathering: Gathering = { client, operation, waiting: [], underWay: 0, scheduled: false }
    gatherings.set(operation, gathering)
    return gathering
  }

  const schedule = (gathering: Gathering): void => {
    const { waiting, underWay, scheduled, operation } = gathering
    if (scheduled || waiting.length === 0 || underWay >= (operation.batch.inFlight ?? 1)) return
    gathering.scheduled = true
    clock.defer(() => {
      gathering.scheduled = false
      send(gathering)
    })
  }

  const send = (gathering: Gathering): void => {
    const calls = takeBatch(gathering).filter(mayLeave)
    if (calls.length > 0) void request(gathering, calls)
    schedule(gathering)
  }

  const request = async (gathering: Gathering, calls: readonly Waiting[]): Promise<void> => {
    const { client, operation } = gathering
    gathering.underWay += 1
    try {
      settle(operation, calls, await operation.batch.run(client, calls))
    } catch (thrown) {
      for (const { reject } of calls) reject(thrown)
    }
    gathering.underWay -= 1
    schedule(gathering)
  }

  return {
    run(operation, client, input, call) {
      const gathering = gatheringOf(operation, client)
      return new Promise((resolve, reject) => {
        const size = operation.batch.sizeOf?.(input) ?? 1
        const one: Waiting = { input, call, size, gone: false, resolve, reject }
        call.unsent = true
        call.onAbort(() => {
          one.gone = true
        })
        gathering.waiting.push(one)
        schedule(gathering)
      })
    },
  }
}

/** Takes what fits into one request, in the order in which it was called. */
function takeBatch(gathering: Gathering): readonly Waiting[] {
  const { max, maxSize = Number.POSITIVE_INFINITY } = gathering.operation.batch
  let size = 0
  let count = 0
  for (const one of gathering.waiting) {
    if (count === max || (count > 0 && size + one.size > maxSize)) break
    size += one.size
    count += 1
  }
  return gathering.waiting.splice(0, count)
}

/** Asked where the request is about to leave: what may not is made again when it may. */
function mayLeave({ call, gone, reject }: Waiting): boolean {
  if (gone) return false
  if (!call.maySend()) {
    reject(new LinkspanError('CALL_FAILED', 'The call was withheld.', { retry: 'later', applied: 'no' }))
    return false
  }
  call.unsent = false
  return true
}

function settle(
  operation: Batched,
  calls: readonly Waiting[],
  outcomes: readonly CallOutcome<unknown>[],
): void {
  calls.forEach(({ resolve, reject }, at) => {
    const outcome = outcomes[at]
    if (outcome === undefined) reject(unanswered(operation, calls.length, outcomes.length))
    else if ('error' in outcome) reject(outcome.error)
    else resolve(outcome.result)
  })
}

function unanswered(operation: Batched, calls: number, outcomes: number): LinkspanError {
  return new LinkspanError(
    'CALL_UNKNOWN_OUTCOME',
    `"${operation.connection.name}.${operation.name}" made ${calls} calls and answered ${outcomes}. Its batch.run has to answer an outcome for each call.`,
    { retry: 'later', applied: 'unknown' },
  )
}
