/** How long the server takes for a commit, as it is seen from here. */
export type ServerTime = {
  /** Smoothed, in milliseconds. */
  readonly ms: number
  /** A commit was begun and answered at these times. */
  readonly seen: (began: number, ended: number) => void
}

const SMOOTHING = 8

/** One that found the server busy took it from the end of the one before; one that did not, all but the way there and back. */
export const createServerTime = (roundTripMs: number): ServerTime => {
  let smoothed = 0
  let lastEnded = Number.NEGATIVE_INFINITY
  return {
    get ms() {
      return smoothed
    },
    seen: (began, ended) => {
      const took = Math.max(0, Math.min(ended - began - roundTripMs, ended - lastEnded))
      smoothed += (took - smoothed) / SMOOTHING
      lastEnded = ended
    },
  }
}
