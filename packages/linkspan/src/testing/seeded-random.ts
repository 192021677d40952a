import { hash } from 'node:crypto'
import type { Random } from '../model/outside.ts'

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz'
const WORD = 2 ** 32

/**
 * Randomness that is the same each time for the same seed. Its tokens can be guessed: for tests only.
 *
 * @example
 * ```ts
 * import { seededRandom } from 'linkspan/testing'
 * const random = seededRandom(42)
 * const share: number = random.next()
 * ```
 */
export function seededRandom(seed: number | string): Random {
  const next = sequence(seedOf(seed))
  return {
    next,
    token: (length) => Array.from({ length }, () => ALPHABET[Math.floor(next() * ALPHABET.length)]).join(''),
  }
}

/** A 32-bit counter whose values are mixed: short, evenly spread, and good enough for tests. */
function sequence(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / WORD
  }
}

function seedOf(seed: number | string): number {
  return Number.parseInt(hash('sha256', String(seed), 'hex').slice(0, 8), 16) | 0
}
