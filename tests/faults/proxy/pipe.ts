import type { Socket } from 'node:net'
import type { Gate, Piece } from './gate.ts'
import type { ProxyClock } from './real-clock.ts'

/** One direction of a connection: takes what comes and passes what its gate lets through, in order. */
export interface Pipe {
  /** From the next byte on. */
  use(gate: Gate): void
  /** How many bytes have passed since the beginning. */
  readonly passed: number
}

/** What a pipe needs of its connection. */
export interface PipeEnds {
  readonly from: Socket
  readonly to: Socket
  readonly clock: ProxyClock
  readonly gate: Gate
  /** The gate ends the connection. */
  readonly reset: () => void
  /** The gate takes the reply away. */
  readonly lose: () => void
  /** Sees what passes. */
  readonly tap: (bytes: Buffer) => void
}

/** So much waits here before the sender is held up. */
const mostWaiting = 256 * 1024

export function pipe({ from, to, clock, gate: first, reset, lose, tap }: PipeEnds): Pipe {
  let gate = first
  let queue: readonly Piece[] = []
  let waiting = 0
  let passed = 0
  let writing = false
  let ended = false
  let cancelTimer: (() => void) | null = null

  from.on('data', (bytes: Buffer) => {
    if (to.destroyed) return
    queue = [...queue, { bytes, at: clock.monotonic() }]
    waiting += bytes.length
    if (waiting > mostWaiting) from.pause()
    step()
  })
  from.once('end', () => {
    ended = true
    step()
  })
  to.on('close', () => cancelTimer?.())

  function step(): void {
    if (writing || cancelTimer !== null || to.destroyed) return
    const [piece] = queue
    if (piece === undefined) {
      if (ended && gate.endPasses) to.end()
      return
    }
    const verdict = gate.judge(piece, clock.monotonic())
    if (verdict === 'hold') return
    if (verdict === 'reset') reset()
    else if (verdict === 'lose') lose()
    else if ('waitMs' in verdict) wait(verdict.waitMs)
    else pass(piece, verdict.pass)
  }

  function wait(ms: number): void {
    cancelTimer = clock.timer(ms, () => {
      cancelTimer = null
      step()
    })
  }

  /** Written before the next step, so that a reset afterwards loses none of it in this process. */
  function pass(piece: Piece, count: number): void {
    const bytes = piece.bytes.subarray(0, count)
    const rest = piece.bytes.subarray(count)
    queue = rest.length > 0 ? [{ bytes: rest, at: piece.at }, ...queue.slice(1)] : queue.slice(1)
    waiting -= bytes.length
    passed += bytes.length
    const last = gate.passed(bytes, clock.monotonic())
    tap(bytes)
    writing = true
    to.write(bytes, () => {
      writing = false
      if (waiting <= mostWaiting) from.resume()
      if (last) reset()
      else step()
    })
  }

  return {
    use(changed) {
      gate = changed
      cancelTimer?.()
      cancelTimer = null
      step()
    },
    get passed() {
      return passed
    },
  }
}
