import type { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import type { Batch, Committed } from '../journal.ts'
import type { Active } from './active.ts'
import { type Answer, packBatch, parametersOf } from './batch-packing.ts'
import { COMMIT_PARAMETERS } from './commit-parameters.ts'
import type { Membership } from './joining.ts'
import type { Lease } from './lease.ts'
import type { Link } from './link.ts'
import type { Mail } from './mail.ts'
import type { Names } from './names.ts'
import { closedError, failureOf, journalError, unreachable } from './postgres-error.ts'
import type { Volumes } from './volumes.ts'

/** Writes the batches of one engine. */
export interface Writer {
  /** Rises with each commit that is begun and each that is answered. */
  readonly activity: number
  /** How many commits there are, if all were answered and nothing runs that they accepted; else null. */
  readonly atRest: number | null
  commit(batch: Batch): Promise<Committed>
  /** Nothing is written from now on. */
  close(): void
}

/** What a writer is made of. */
export interface WriterOptions {
  readonly link: Link
  readonly schema: string
  readonly place: string
  readonly names: Names
  readonly volumes: Volumes
  readonly membership: Pick<Membership, 'member' | 'incarnation' | 'lastSeq'>
  readonly leaseMs: number
  readonly lease: Lease
  readonly mail: Mail
  readonly clock: Pick<Clock, 'monotonic'>
}

/** How often room is made for one commit: other engines may use it up meanwhile. */
const MOST_COVERS = 10

/** Opens the writer of an engine. */
export function openWriter(options: WriterOptions): Writer {
  const { link, schema, place, names, volumes, membership, leaseMs, lease, mail, clock } = options
  const { member, incarnation } = membership
  const active: Active = new Map()
  const placeholders = Object.keys(COMMIT_PARAMETERS).map((_name, at) => `$${at + 1}`)
  const query = {
    name: 'linkspan commit',
    text: `SELECT first, repeats, behind, stale, mail FROM ${schema}.commit_1(${placeholders.join(', ')})`,
  }
  let { lastSeq } = membership
  let activity = 0
  let underWay = 0
  /** How many batches of this owner were answered. */
  let answered = 0
  let lastAnswered = 0
  /** The batch of which nobody knows whether it was written. */
  let doubt: number | null = null
  let closed = false

  const send = async (batch: Batch): Promise<Committed> => {
    const packed = packBatch(batch, names, active)
    const own = { p_member: member, p_incarnation: incarnation, p_lease_ms: leaseMs }
    const known = { p_known: answered, p_mail: mail.known, p_batch: batch.id }
    const sentAt = clock.monotonic()
    const [row] = await link.askPrepared({
      ...query,
      values: parametersOf({ ...packed.values, ...own, ...known }),
    })
    lease.renewed(sentAt)
    const answer = row as unknown as Answer & { readonly mail: string | null }
    // Before what was accepted goes on, so that it is known behind what. If it fails, the next one tells it again.
    if (answer.mail !== null) await mail.take(answer.mail).catch(() => undefined)
    return packed.done(answer)
  }
  const sendWithRoom = async (batch: Batch): Promise<Committed> => {
    for (let covers = 0; ; covers += 1) {
      try {
        return await send(batch)
      } catch (error) {
        if (failureOf(error) !== 'noVolume' || covers === MOST_COVERS) throw error
        await volumes.coverAhead(batch.accept.length)
      }
    }
  }
  const failed = (thrown: unknown, batch: Batch): LinkspanError => {
    const failure = failureOf(thrown)
    const error = journalError(thrown, place, 'Writing')
    if (failure === 'fenced') lease.lose(error)
    // What was sent before may have been done: that there is no room now does not mean that nothing was written.
    if (failure === 'full' && doubt === batch.id) return unreachable(thrown, place, 'Writing')
    if (error.code === 'JOURNAL_UNREACHABLE') doubt = batch.id
    return error
  }
  return {
    get activity() {
      return activity
    },
    get atRest() {
      return active.size === 0 && underWay === 0 && doubt === null ? answered : null
    },
    commit: async (batch) => {
      if (closed) throw closedError(place)
      if (lease.lost !== null) throw lease.lost
      underWay += 1
      activity += 1
      try {
        const committed = await sendWithRoom(batch)
        if (batch.id !== lastAnswered) answered += 1
        lastAnswered = batch.id
        doubt = null
        for (const { seq } of committed.accepted) lastSeq = Math.max(lastSeq, seq)
        volumes.keepAhead(lastSeq)
        return committed
      } catch (thrown) {
        throw failed(thrown, batch)
      } finally {
        underWay -= 1
        activity += 1
      }
    },
    close: () => {
      closed = true
    },
  }
}
