import { randomFillSync } from 'node:crypto'
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

/** Bytes from the cryptographic source, fetched many at a time. */
const pool: Uint8Array = new Uint8Array(4_096)
let used: number = pool.length

function nextByte(): number {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 1
  return pool[used - 1] as number
}

/** The highest byte that leaves all characters equally likely is below this. */
const FAIR = 256 - (256 % ALPHABET.length)

function token(length: number): string {
  let text = ''
  while (text.length < length) {
    const byte = nextByte()
    if (byte < FAIR) text += ALPHABET[byte % ALPHABET.length]
  }
  return text
}

/** The machine's own randomness; tokens come from its cryptographic source. */
export const systemRandom: Random = { next: () => Math.random(), token }
