/** Towards the target, or back to the client. */
export type Direction = 'request' | 'reply'

/** What happens to a connection. Durations in milliseconds, lengths in bytes of one direction. */
export type Fault =
  /** Forwards everything. */
  | { readonly kind: 'none' }
  /** Both sides are reset at once; a new connection is reset before a byte passes. */
  | { readonly kind: 'reset' }
  /** Nothing is forwarded any more in either direction, and nothing is closed: what a lost network looks like. */
  | { readonly kind: 'halfOpen'; readonly direction?: Direction }
  /** Each piece comes this much later, in order. */
  | { readonly kind: 'delay'; readonly ms: number; readonly direction?: Direction }
  /** At most `bytes` at a time, `ms` apart. */
  | { readonly kind: 'drip'; readonly bytes: number; readonly ms: number; readonly direction?: Direction }
  /** Passes exactly `after` bytes in the direction, counted from now, then resets both sides. */
  | { readonly kind: 'cut'; readonly direction: Direction; readonly after: number }
  /**
   * The request goes through; at the first byte of the reply the client is reset, and the target is left to do all it
   * was sent and to answer nobody. With `to`, only from a request on that holds this text, such as `commit`.
   */
  | { readonly kind: 'dropReply'; readonly to?: string }
  /** Each whole HTTP/1.1 request is sent again on a connection of its own, whose reply nobody sees. */
  | { readonly kind: 'duplicate'; readonly copies?: number }

/** Chooses the fault of a new connection; `index` counts connections from 0. */
export type Plan = (index: number) => Fault

export const noFault: Fault = { kind: 'none' }

/** Where the bytes go. */
export interface Target {
  /** 127.0.0.1 unless said otherwise. */
  readonly host?: string
  readonly port: number
}

/** Something the proxy did to a connection. */
export interface Happening {
  /** Which connection, from 0. */
  readonly connection: number
  readonly kind: 'reset' | 'replyLost' | 'duplicated' | 'unreadable'
  /** The fault that was set. */
  readonly fault: Fault
  /** How much had passed by then. */
  readonly passed: Readonly<Record<Direction, number>>
  readonly detail?: string
}

/** One share of a plan: how much of all connections, relative to the others' weights. */
export interface Share {
  readonly weight: number
  /** A function draws what it needs, such as where to cut, from the connection's own numbers in [0, 1). */
  readonly fault: Fault | ((random: () => number) => Fault)
}

/**
 * A plan that follows from a seed: the same seed gives the same fault to the connection of the same index, in whatever
 * order connections end.
 */
export function seededPlan(seed: number, shares: readonly Share[]): Plan {
  const total = shares.reduce((sum, { weight }) => sum + weight, 0)
  if (!(total > 0)) throw new Error(`The weights of a plan have to add up to more than 0, not to ${total}.`)
  return (index) => {
    const random = seeded(seed, index)
    let left = random() * total
    const found = shares.find(({ weight }) => {
      left -= weight
      return left < 0
    })
    const fault = found?.fault ?? noFault
    return typeof fault === 'function' ? fault(random) : fault
  }
}

/** Numbers in [0, 1) that follow from the seed and the index alone (splitmix32). */
function seeded(seed: number, index: number): () => number {
  let state = seed ^ Math.imul(index + 1, 0x85ebca6b)
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 4_294_967_296
  }
}
