/** Times at which those who wait come back, each its own, so that no more come than can be served. */
export interface Tickets {
  /** How many have been given and not come back. */
  readonly size: number
  /** Until when the line reaches. */
  readonly end: number
  /**
   * The time for a message to come back, not before `earliest`, and `spacingMs` after the one before it. Who came back in
   * vain does not go to the end of the line.
   */
  give(id: number, turn: Turn): number
  /** Whether the message had a ticket; it has none any more. */
  redeem(id: number): boolean
}

/** What a ticket is made of. */
export interface Turn {
  readonly now: number
  readonly earliest: number
  readonly spacingMs: number
  readonly inVain: boolean
}

const DAY_MS = 86_400_000
/** A ticket that nobody comes with, as its message was dropped, is forgotten after so long. */
const FORGOTTEN_MS = 60_000

/** Makes a line. With `perDay` no more tickets are for a day than can be served on it. */
export function createTickets(perDay: number | null): Tickets {
  const given = new Map<number, number>()
  let end = 0
  let again = 0
  let day = 0
  let ofDay = 0

  const inDay = (at: number): number => {
    if (perDay === null) return at
    const its = Math.floor(at / DAY_MS)
    if (its > day) {
      day = its
      ofDay = 0
    } else if (ofDay >= perDay) {
      day += 1
      ofDay = 0
    }
    ofDay += 1
    return Math.max(at, day * DAY_MS)
  }

  const forget = (now: number): void => {
    for (const [id, at] of given) {
      if (at > now - FORGOTTEN_MS) return
      given.delete(id)
    }
  }

  return {
    get size() {
      return given.size
    },
    get end() {
      return end
    },
    give(id, { now, earliest, spacingMs, inVain }) {
      forget(now)
      if (inVain) again = Math.max(again + spacingMs, earliest)
      else end = inDay(Math.max(end + spacingMs, earliest))
      const at = inVain ? again : end
      given.set(id, at)
      return at
    },
    redeem: (id) => given.delete(id),
  }
}
