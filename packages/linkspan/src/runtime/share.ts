import type { Grant, Ownership, OwnershipListener } from '../journal/journal.ts'
import { isLinkspanError, type LinkspanError } from '../model/errors.ts'
import type { Clock, Logger } from '../model/outside.ts'

/** This engine's share of the journal: the partitions whose messages it runs. */
export interface Share {
  /** Granted, taken up, and not on the way back. */
  readonly owned: ReadonlySet<number>
  /** When a partition came into the share, milliseconds since 1970. */
  since(partition: number): number
  /** Takes up what is granted at once. */
  begin(): Promise<void>
  /** Brings all to rest and gives it back, for a proper end. */
  end(): Promise<void>
  /** Nothing more is taken up or given back. */
  stop(): void
  /** Resolves when this engine may send: at once (null) while its lease is good, else when it is again. */
  lease(): Promise<void> | null
}

/** What keeping a share takes. */
export interface ShareOptions {
  readonly ownership: Ownership
  readonly clock: Clock
  readonly logger: Logger
  /** Fires when the engine gives up what it runs. */
  readonly aborted: AbortSignal
  /** Takes up what ran in partitions whose owner died, and what may have run of others; resolves when that is durable. */
  readonly recover: (grants: readonly Grant[]) => Promise<void>
  /** Partitions were added to the share. */
  readonly gained: (partitions: readonly number[]) => void
  /** Partitions left the share: resolves when nothing of them runs here and all that became of it is durable. */
  readonly rest: (partitions: readonly number[]) => Promise<void>
  /** Others accepted messages for this engine: the highest place by flow. */
  readonly handed: (places: ReadonlyMap<string, number>) => void
  /** Others have taken over. */
  readonly lost: (error: LinkspanError) => void
}

const AGAIN_MS = 1_000
const LEASE_POLL_MS = 50

/** Makes the keeper of an engine's share. What it does with partitions it does one after the other. */
export function createShare(options: ShareOptions): Share {
  const { ownership, clock, logger } = options
  const owned = new Set<number>()
  const gainedAt = new Map<number, number>()
  let stopped = false
  /** Why, when others have taken over. */
  let takenOver: LinkspanError | null = null
  let last: Promise<void> = Promise.resolve()

  const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.timer(ms, resolve))

  /** Until it succeeds: the journal may be out of reach for a while. */
  const insist = async (what: string, run: () => Promise<void>): Promise<void> => {
    while (!stopped) {
      try {
        return await run()
      } catch (error) {
        if (stopped) return
        logger.log('warn', 'share.again', { what, error: String(error) })
        await pause(AGAIN_MS)
      }
    }
  }

  const inTurn = (run: () => Promise<void>): Promise<void> => {
    last = last.then(run)
    return last
  }

  const takeUp = async (grants: readonly Grant[]): Promise<void> => {
    const died = grants.filter((grant) => grant.died !== null)
    await options.recover(grants)
    if (died.length > 0) await ownership.recovered(died.map(({ partition }) => partition))
    for (const { partition } of grants) {
      owned.add(partition)
      gainedAt.set(partition, clock.now())
    }
  }

  /** At the start nobody hears of what fails for good but whoever starts the engine. */
  const takeUpWhenRoom = async (grants: readonly Grant[]): Promise<void> => {
    try {
      await takeUp(grants)
    } catch (error) {
      if (takenOver) throw takenOver
      if (stopped || !isLinkspanError(error, 'JOURNAL_FULL')) throw error
      logger.log('warn', 'share.again', { what: 'taking up', error: String(error) })
      await pause(AGAIN_MS)
      await takeUpWhenRoom(grants)
    }
  }

  const takeUpAndTell = async (grants: readonly Grant[]): Promise<void> => {
    await takeUp(grants)
    const partitions = grants.map(({ partition }) => partition)
    options.gained(partitions)
    tell('share.gained', partitions)
  }

  /** What was asked for twice goes back once. */
  const giveBackWhatIsOwned = async (partitions: readonly number[]): Promise<void> => {
    if (stopped) return
    const present = partitions.filter((partition) => owned.delete(partition))
    if (present.length > 0) await insist('giving back', () => giveBack(present))
  }

  const giveBack = async (partitions: readonly number[]): Promise<void> => {
    ownership.retire(partitions)
    await options.rest(partitions)
    await ownership.release(partitions)
    tell('share.given-back', partitions)
  }

  const tell = (event: string, partitions: readonly number[]): void => {
    if (ownership.partitions > 1) logger.log('info', event, { partitions, owned: owned.size })
  }

  const listener: OwnershipListener = {
    granted: (more) => void inTurn(() => insist('taking up', () => takeUpAndTell(more))),
    asked: (partitions) => void inTurn(() => giveBackWhatIsOwned(partitions)),
    handed: options.handed,
    lost: (error) => {
      stopped = true
      takenOver = error
      options.lost(error)
    },
  }

  return {
    owned,
    since: (partition) => gainedAt.get(partition) ?? clock.now(),
    async begin() {
      const begun = Promise.withResolvers<void>()
      // What is granted or asked for while it begins waits until it has.
      last = begun.promise
      try {
        await takeUpWhenRoom(await ownership.begin(listener))
      } catch (error) {
        stopped = true
        throw error
      } finally {
        begun.resolve()
      }
      tell('share.gained', [...owned])
    },
    async end() {
      if (ownership.partitions > 1) await inTurn(() => giveBackWhatIsOwned([...owned]))
    },
    stop() {
      stopped = true
    },
    lease() {
      if (ownership.holds()) return null
      return (async () => {
        while (!options.aborted.aborted && !ownership.holds()) await pause(LEASE_POLL_MS)
      })()
    },
  }
}
