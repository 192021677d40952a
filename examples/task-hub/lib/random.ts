import { createHash } from 'node:crypto'

/** A repeatable source of numbers in [0, 1). */
export type RandomSource = () => number

/** A repeatable random source for a seed and a purpose, so that two uses of one seed are independent (sfc32). */
export function seededRandom(seed: number, purpose: string): RandomSource {
  const words = createHash('sha256').update(`${seed}|${purpose}`).digest()
  let [a, b, c, counter] = [words.readInt32LE(0), words.readInt32LE(4), words.readInt32LE(8), 1]
  return () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 2 ** 32
  }
}

/** An integer in [low, high). */
export function integerBetween(random: RandomSource, low: number, high: number): number {
  return low + Math.floor(random() * (high - low))
}

/** One of a list that is not empty. */
export function oneOf<T>(random: RandomSource, list: readonly T[]): T {
  const chosen = list[integerBetween(random, 0, list.length)]
  if (chosen === undefined) throw new Error('oneOf needs a list with at least one entry.')
  return chosen
}

/** A GUID that depends on its name only, in the form GitHub uses for deliveries. */
export function guidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  )
}
