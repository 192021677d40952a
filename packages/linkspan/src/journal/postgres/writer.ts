import type { LinkspanError } from '../../model/errors.ts'
import type { CancelTimer, Clock, Logger } from '../../model/outside.ts'
import type { Batch, Committed } from '../journal.ts'
import type { Active } from './active.ts'
import { packBatch, parametersOf } from './batch-packing.ts'
import type { Row } from './client.ts'
import { COMMIT_PARAMETERS } from './commit-sql.ts'
import type { Link } from './link.ts'
import type { Names } from './names.ts'
import type { Membership } from './owner-lock.ts'
import { closedError, failureOf, journalError, takenOverError, unreachable } from './postgres-error.ts'
import type { Volumes } from './volumes.ts'

/** Writes the batches of one owner, and keeps its lease. */
export interface Writer {
  readonly head: { readonly lowWater: number; readonly lastSeq: number }
  commit(batch: Batch): Promise<Committed>
  /** Gives the lease back. */
  close(): Promise<void>
}

/** What a writer is made of. */
export interface WriterOptions {
  readonly link: Link
  readonly schema: string
  readonly place: string
  readonly names: Names
  readonly volumes: Volumes
  readonly membership: Membership
  readonly leaseMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Opens the writer of an owner. */
export function openWriter(options: WriterOptions): Writer {
  const { link, schema, place, names, volumes, membership, leaseMs, clock, logger } = options
  const { member, incarnation } = membership
  const active: Active = new Map()
  const placeholders = Object.keys(COMMIT_PARAMETERS).map((_name, at) => `$${at + 1}`)
  const query = {
    name: 'linkspan commit',
    text: `SELECT first, repeats FROM ${schema}.commit_1(${placeholders.join(', ')})`,
  }
  let { lastSeq, lowWater } = membership
  /** How many batches of this owner were answered. */
  let answered = 0
  let lastAnswered = 0
  /** The batch of which nobody knows whether it was written. */
  let doubt: number | null = null
  let takenOver: LinkspanError | null = null
  let closed = false

  const send = async (batch: Batch): Promise<Committed> => {
    const packed = packBatch(batch, names, active)
    const own = { p_member: member, p_incarnation: incarnation, p_lease_ms: leaseMs, p_known: answered }
    const values = parametersOf({ ...packed.values, ...own, p_batch: batch.id })
    const [row] = await link.askPrepared({ ...query, values })
    const { first, repeats } = row as Row as { first: number | null; repeats: string | null }
    return packed.done(first, repeats)
  }
  const sendWithRoom = async (batch: Batch): Promise<Committed> => {
    try {
      return await send(batch)
    } catch (error) {
      if (failureOf(error) !== 'noVolume') throw error
      await volumes.coverAfter(lastSeq + batch.accept.length)
      return send(batch)
    }
  }
  const failed = (thrown: unknown, batch: Batch): LinkspanError => {
    const failure = failureOf(thrown)
    const error = journalError(thrown, place, 'Writing')
    if (failure === 'fenced') stop(error)
    // What was sent before may have been done: that there is no room now does not mean that nothing was written.
    if (failure === 'full' && doubt === batch.id) return unreachable(thrown, place, 'Writing')
    if (error.code === 'JOURNAL_UNREACHABLE') doubt = batch.id
    return error
  }
  const stop = (error: LinkspanError): void => {
    if (takenOver !== null) return
    takenOver = error
    logger.log('error', 'journal.taken-over', { place })
  }
  const stopRenewing = keepLease(
    clock,
    leaseMs,
    async () => {
      if (closed || takenOver !== null || link.busy > 0) return
      const values = [member, incarnation, leaseMs]
      const [row] = await link.ask({ text: `SELECT ${schema}.renew_1($1, $2, $3) AS kept`, values })
      if (row?.['kept'] !== true) stop(takenOverError(place))
    },
    (error) => logger.log('warn', 'journal.lease-not-renewed', { place, error: String(error) }),
  )
  return {
    get head() {
      return { lowWater, lastSeq }
    },
    commit: async (batch) => {
      if (closed) throw closedError(place)
      if (takenOver !== null) throw takenOver
      try {
        const committed = await sendWithRoom(batch)
        if (batch.id !== lastAnswered) answered += 1
        lastAnswered = batch.id
        doubt = null
        for (const { seq } of committed.accepted) lastSeq = Math.max(lastSeq, seq)
        lowWater = Math.max(lowWater, batch.lowWater)
        volumes.keepAhead(lastSeq)
        return committed
      } catch (thrown) {
        throw failed(thrown, batch)
      }
    },
    close: async () => {
      if (closed) return
      closed = true
      stopRenewing()
      if (takenOver !== null) return
      await link.ask({ text: `SELECT ${schema}.close_1($1, $2)`, values: [member, incarnation] })
    },
  }
}

/** Renews a lease in time for two more attempts before it runs out. What is committed meanwhile renews it as well. */
function keepLease(
  clock: Clock,
  leaseMs: number,
  renew: () => Promise<void>,
  onFailed: (error: unknown) => void,
): () => void {
  let cancel: CancelTimer = () => undefined
  let stopped = false
  const again = (): void => {
    if (!stopped)
      cancel = clock.timer(Math.floor(leaseMs / 3), () => void renew().catch(onFailed).then(again))
  }
  again()
  return () => {
    stopped = true
    cancel()
  }
}
