import type { LinkspanError } from '../../model/errors.ts'
import type { CancelTimer, Clock, Logger } from '../../model/outside.ts'
import type { ClusterMember, ClusterSurvey, Grant, Ownership, OwnershipListener } from '../journal.ts'
import type { Row } from './client.ts'
import type { Membership } from './joining.ts'
import { databaseTime } from './database-time.ts'
import { createLease, type Lease } from './lease.ts'
import type { Link } from './link.ts'
import { createMail, type Mail } from './mail.ts'
import type { Names } from './names.ts'
import { closedError, failureOf, journalError, tailLostError } from './postgres-error.ts'
import { createShare, type OwnedRow, type Share } from './share.ts'

/** What keeping a member takes. */
export interface OwnershipOptions {
  /** For beats and nothing else, so that they wait for nobody. */
  readonly link: Pick<Link, 'ask'>
  readonly schema: string
  readonly place: string
  readonly membership: Membership
  readonly leaseMs: number
  readonly names: Pick<Names, 'learn' | 'nameOf'>
  readonly clock: Clock
  /** What this machine's clock shows. */
  readonly wall: () => number
  readonly logger: Logger
  /** How many commits were made when nothing ran, if nothing runs now and all are answered; else null. */
  readonly atRest: () => number | null
  /** Rises with each commit, whose answer tells of mail as well. */
  readonly activity: () => number
  readonly running: Ownership['running']
  readonly members: () => Promise<readonly ClusterMember[]>
  readonly survey: () => Promise<ClusterSurvey>
}

/** A member of a journal that several engines share. */
export interface Member {
  readonly ownership: Ownership
  readonly lease: Lease
  readonly mail: Mail
  readonly share: Pick<Share, 'owned' | 'left'>
  /** Gives everything back; `atRest` says that nothing runs. */
  close(atRest: boolean): Promise<void>
}

type Phase = 'joined' | 'begun' | 'closed'

/** Beats per lease: four may fail before it runs out. */
const BEATS = 5
/** How often it is looked for mail while no commit brings it. */
const POLL_MS = 25

interface BeatRow {
  readonly now_ms: number
  readonly owned: string | null
  readonly surplus: number
  readonly crew: string | null
  readonly mail: string | null
}

interface PollRow extends Pick<BeatRow, 'crew' | 'mail'> {
  readonly lives: boolean
  readonly free: boolean
}

/** Begins the beats of a member that has joined. */
export function createMember(options: OwnershipOptions): Member {
  const { link, schema, place, membership, leaseMs, clock, logger } = options
  const { member, incarnation, partitions } = membership
  const share = createShare()
  const time = databaseTime(clock, membership.answered)
  let listener: OwnershipListener | null = null
  let phase: Phase = 'joined'
  /** Granted while there was nobody to tell: the answer to a beat that was to begin may have been lost. */
  const untold: Grant[] = []
  /** Who takes shares, as of the last beat: others than this engine are worth looking for mail. */
  let crew: string | null = null
  let turn = 0
  let last: Promise<unknown> = Promise.resolve()
  let polledAt = 0

  const lease = createLease(clock, leaseMs, (error) => {
    share.clear()
    cancelBeat()
    cancelPoll()
    logger.log('error', 'journal.taken-over', { place, error: error.message })
    listener?.lost(error)
  })
  lease.renewed(membership.sentAt)
  const mail = createMail(options.names, () => listener && ((places) => listener?.handed(places)))

  const refuse = (): void => {
    if (phase === 'closed') throw closedError(place)
    if (lease.lost !== null) throw lease.lost
  }
  const failed = (thrown: unknown, doing: string): LinkspanError => {
    const error = journalError(thrown, place, doing)
    if (failureOf(thrown) === 'fenced') lease.lose(error)
    return error
  }
  /** Calls a function that takes a turn, one after the other: a later one finds done what came before. */
  const inTurn = <Result>(
    doing: string,
    name: string,
    values: readonly unknown[],
    take: (row: Row, sentAt: number) => Result,
  ): Promise<Result> => {
    const run = async (): Promise<Result> => {
      refuse()
      turn += 1
      const sentAt = clock.monotonic()
      const given = [member, incarnation, turn, leaseMs, ...values]
      const places = given.map((_value, at) => `$${at + 1}`).join(', ')
      try {
        const [row] = await link.ask({ text: `SELECT * FROM ${schema}.${name}_1(${places})`, values: given })
        lease.renewed(sentAt)
        return take(row as Row, sentAt)
      } catch (error) {
        throw failed(error, doing)
      }
    }
    const next = last.then(run)
    last = next.catch(() => undefined)
    return next
  }

  const takeBeat = (row: BeatRow): readonly Grant[] => {
    crew = row.crew
    const { grants, missing } = share.update(JSON.parse(row.owned ?? '[]') as readonly OwnedRow[])
    if (missing.length === 0) return grants
    const error = tailLostError(place, `partitions ${missing.join(', ')} are not this engine's any more`)
    lease.lose(error)
    throw error
  }
  const beat = (takes: boolean): Promise<{ readonly row: BeatRow; readonly grants: readonly Grant[] }> =>
    inTurn(
      'Renewing the lease',
      'beat',
      [takes, options.atRest(), mail.known, options.wall()],
      (found, sentAt) => {
        const row = found as unknown as BeatRow
        time.read({ sentAt, receivedAt: clock.monotonic(), nowMs: row.now_ms })
        return { row, grants: takeBeat(row) }
      },
    )
  const beatAndTell = async (): Promise<void> => {
    const { row, grants } = await beat(phase === 'begun' && !share.isLeaving)
    pollLater()
    if (listener === null) {
      untold.push(...grants)
      return
    }
    if (grants.length > 0) listener.granted(grants)
    const asked = share.choose(row.surplus)
    if (asked.length > 0) listener.asked(asked)
    await mail.take(row.mail)
  }

  let cancelBeat: CancelTimer = () => undefined
  let isBeating = false
  /** Somebody has a reason for one more beat while one is under way. */
  let again = false
  const beatNow = async (): Promise<void> => {
    cancelBeat()
    if (isBeating) {
      again = true
      return
    }
    isBeating = true
    await beatAndTell().catch((error: unknown) => {
      if (lease.lost !== null || phase === 'closed') return
      logger.log('warn', 'journal.lease-not-renewed', { place, error: String(error) })
    })
    isBeating = false
    if (lease.lost !== null || phase === 'closed') return
    if (!again) {
      cancelBeat = clock.timer(Math.floor(leaseMs / BEATS), () => void beatNow())
      return
    }
    again = false
    void beatNow()
  }
  cancelBeat = clock.timer(Math.floor(leaseMs / BEATS), () => void beatNow())

  let cancelPoll: CancelTimer = () => undefined
  let isPolling = false
  const poll = async (): Promise<void> => {
    const activity = options.activity()
    if (activity === polledAt) await look().catch(() => undefined)
    polledAt = activity
    isPolling = false
    pollLater()
  }
  /** Nobody but others hands over, and a beat tells when there are any. */
  const pollLater = (): void => {
    const isAlone = crew === null || crew === String(member)
    if (isPolling || isAlone || lease.lost !== null || phase !== 'begun') return
    isPolling = true
    cancelPoll = clock.timer(POLL_MS, () => void poll())
  }
  /** What a beat would find to do is done at once; what fails here fails in the next beat as well. */
  const look = async (): Promise<void> => {
    const [found] = await link.ask({
      text: `SELECT * FROM ${schema}.poll_1($1, $2)`,
      values: [member, mail.known],
    })
    const row = found as unknown as PollRow
    const others = row.crew !== crew
    crew = row.crew
    await mail.take(row.mail)
    if (!row.lives || others || (row.free && !share.isLeaving)) await beatNow()
  }

  const ownership: Ownership = {
    member,
    partitions,
    owned: share.owned,
    holds: lease.holds,
    now: time.now,
    begin: async (given) => {
      phase = 'begun'
      const { grants } = await beat(true).catch((error: unknown) => {
        phase = 'joined'
        throw error
      })
      listener = given
      pollLater()
      return [...untold.splice(0), ...grants]
    },
    recovered: (done) =>
      inTurn('Taking up', 'recovered', [done], () => {
        share.recovered(done)
      }),
    retire: (given) => {
      share.retire(given)
      if (share.isLeaving) void beatNow()
    },
    release: (given) =>
      inTurn('Giving back', 'release', [given], () => {
        share.released(given)
      }),
    running: options.running,
    members: options.members,
    survey: options.survey,
  }
  return {
    ownership,
    lease,
    mail,
    share,
    close: async (atRest) => {
      if (phase === 'closed') return
      cancelBeat()
      cancelPoll()
      await last
      const isLost = lease.lost !== null
      phase = 'closed'
      if (isLost) return
      turn += 1
      await link.ask({
        text: `SELECT ${schema}.close_1($1, $2, $3, $4)`,
        values: [member, incarnation, turn, atRest],
      })
    },
  }
}
