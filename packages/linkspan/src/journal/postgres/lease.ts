import type { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'

/** Until when others respect what this engine owns, and whether they have taken over. */
export interface Lease {
  /** Why nothing of this engine counts any more, or null. */
  readonly lost: LinkspanError | null
  /** Whether it is good now. */
  holds(): boolean
  /** The database renewed it, by a request that was sent at this time of the monotonic clock. */
  renewed(sentAt: number): void
  /** Others took over. Told once. */
  lose(error: LinkspanError): void
}

/** The share of a lease that is left unused: what was begun while it was good still needs time to be sent. */
const MARGIN = 1 / 10

/** Keeps a lease of so many milliseconds. The database counts from when it got the request, which is never earlier. */
export function createLease(
  clock: Pick<Clock, 'monotonic'>,
  leaseMs: number,
  onLost: (error: LinkspanError) => void,
): Lease {
  let goodUntil = Number.NEGATIVE_INFINITY
  let lost: LinkspanError | null = null
  return {
    get lost() {
      return lost
    },
    holds: () => lost === null && clock.monotonic() < goodUntil,
    renewed: (sentAt) => {
      goodUntil = Math.max(goodUntil, sentAt + leaseMs * (1 - MARGIN))
    },
    lose: (error) => {
      if (lost !== null) return
      lost = error
      onLost(error)
    },
  }
}
