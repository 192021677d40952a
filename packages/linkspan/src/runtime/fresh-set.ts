/**
 * The messages that run without a wait in the journal: after a crash they are found above the low-water mark only, so
 * the mark is the lowest of them.
 */
export interface FreshSet {
  add(seq: number): void
  remove(seq: number): void
  /** A place that was committed with a wait. */
  saw(seq: number): void
  /** Forgets all: each has a wait now. */
  clear(): void
  /** The place below which everything without a wait has ended. */
  lowWater(): number
  /** The highest place known to be committed. */
  highest(): number
}

/** Makes the set, given the highest place of a journal without such messages. Places are added in ascending order. */
export function createFreshSet(last: number): FreshSet {
  const seqs = new Set<number>()
  let highest = last
  return {
    add(seq) {
      seqs.add(seq)
      highest = Math.max(highest, seq)
    },
    remove: (seq) => void seqs.delete(seq),
    saw(seq) {
      highest = Math.max(highest, seq)
    },
    clear: () => seqs.clear(),
    // A Set is walked in the order of insertion, so its first place is its lowest.
    lowWater: () => seqs.values().next().value ?? highest + 1,
    highest: () => highest,
  }
}
