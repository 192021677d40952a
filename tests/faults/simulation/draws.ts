import { seededRandom } from 'linkspan/testing'

/** What is drawn from a seed. */
export interface Draws {
  /** A number in [0, 1). */
  next(): number
  /** A whole number, both ends included. */
  whole(least: number, most: number): number
  chance(share: number): boolean
  pick<T>(from: readonly T[]): T
  /** Each of them with this chance, in their order. */
  some<T>(from: readonly T[], share: number): readonly T[]
}

/** Draws that follow from a text. Draws of different texts know nothing of each other. */
export function drawsOf(text: string): Draws {
  const { next } = seededRandom(text)
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  const chance = (share: number): boolean => next() < share
  return {
    next,
    whole,
    chance,
    pick: (from) => from[whole(0, from.length - 1)] as (typeof from)[number],
    some: (from, share) => from.filter(() => chance(share)),
  }
}
