import type { Direction, Fault } from './plan.ts'

/** What may happen to the next piece now: pass so many of its bytes, wait, stay, end the connection, lose the reply. */
export type Verdict = { readonly pass: number } | { readonly waitMs: number } | 'hold' | 'reset' | 'lose'

/** The next piece of one direction. */
export interface Piece {
  readonly bytes: Buffer
  /** When it came, on the monotonic clock. */
  readonly at: number
}

/** What a fault does to one direction, from the moment it is set. */
export interface Gate {
  judge(piece: Piece, now: number): Verdict
  /** So many bytes of the direction have passed. Answers whether the connection ends here. */
  passed(bytes: Buffer, now: number): boolean
  /** Whether the end of the stream may be passed on. */
  readonly endPasses: boolean
}

const open: Gate = {
  judge: ({ bytes }) => ({ pass: bytes.length }),
  passed: () => false,
  endPasses: true,
}

const shut: Gate = { ...open, judge: () => 'hold', endPasses: false }

/** What both directions of one connection know of each other. */
export interface Armed {
  armed: boolean
}

/** The gate of a direction under a fault. `shared` is one object for both directions of the connection. */
export function gate(fault: Fault, direction: Direction, shared: Armed): Gate {
  if ('direction' in fault && fault.direction !== undefined && fault.direction !== direction) return open
  switch (fault.kind) {
    case 'halfOpen':
      return shut
    case 'delay':
      return delayed(fault.ms)
    case 'drip':
      return dripping(fault.bytes, fault.ms)
    case 'cut':
      return cutting(fault.after)
    case 'dropReply':
      return direction === 'request' ? arming(fault.to, shared) : disarmed(shared)
    default:
      return open
  }
}

function delayed(ms: number): Gate {
  return {
    ...open,
    judge: ({ bytes, at }, now) => (now < at + ms ? { waitMs: at + ms - now } : { pass: bytes.length }),
  }
}

function dripping(most: number, ms: number): Gate {
  let next = Number.NEGATIVE_INFINITY
  return {
    ...open,
    judge: ({ bytes }, now) => (now < next ? { waitMs: next - now } : { pass: Math.min(most, bytes.length) }),
    passed(_bytes, now) {
      next = now + ms
      return false
    },
  }
}

function cutting(after: number): Gate {
  let left = after
  return {
    ...open,
    judge: ({ bytes }) => (left <= 0 ? 'reset' : { pass: Math.min(left, bytes.length) }),
    passed(bytes) {
      left -= bytes.length
      return left <= 0
    },
  }
}

/** Looks for the text in what goes to the target, also where it lies across two pieces. */
function arming(text: string | undefined, shared: Armed): Gate {
  const wanted = Buffer.from(text ?? '')
  let tail: Buffer = Buffer.alloc(0)
  return {
    ...open,
    passed(bytes) {
      const seen = Buffer.concat([tail, bytes])
      if (seen.includes(wanted)) shared.armed = true
      tail = wanted.length > 1 ? seen.subarray(-(wanted.length - 1)) : Buffer.alloc(0)
      return false
    },
  }
}

function disarmed(shared: Armed): Gate {
  return { ...open, judge: ({ bytes }) => (shared.armed ? 'lose' : { pass: bytes.length }) }
}
