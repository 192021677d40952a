import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { Clock, Random } from '../model/outside.ts'

/** The longest pause that Node's timers can make; longer ones are made of several. */
const LONGEST_TIMER_MS = 2_147_483_647
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  defer: (run) => void setImmediate(run),
  timer: startTimer,
}

function startTimer(afterMs: number, run: () => void): () => void {
  let left = Math.max(0, afterMs)
  let timer: NodeJS.Timeout
  const arm = (): void => {
    const step = Math.min(left, LONGEST_TIMER_MS)
    left -= step
    timer = setTimeout(() => (left > 0 ? arm() : run()), step)
  }
  arm()
  return () => clearTimeout(timer)
}

/** The machine's own randomness; tokens come from its cryptographic source. */
export const systemRandom: Random = {
  next: () => Math.random(),
  token: (length) => Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join(''),
}
