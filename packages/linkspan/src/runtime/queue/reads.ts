import type { BacklogEntry } from '../../journal/journal.ts'

/** Knows which rows of reads under way are out of date by now. */
export interface Reads {
  /** Rises whenever partitions come or go: what was read before says nothing. */
  readonly epoch: number
  nextEpoch(): void
  /** Answers the number of a read that begins; {@link end} must follow. */
  begin(): number
  end(): void
  /** A message was put off, or has ended where nobody saw it run: reads under way may show it as it was. */
  putAside(seq: number): void
  /** Whether a row is of a read that was begun before its message was put aside. */
  isOld(row: BacklogEntry, read: number): boolean
}

const MAX_ASIDE = 10_000

/** Makes the keeper of a queue's reads. */
export function createReads(): Reads {
  /** With the last read that was begun by then. */
  const aside = new Map<number, number>()
  let begun = 0
  let open = 0
  let epoch = 0
  return {
    get epoch() {
      return epoch
    },
    nextEpoch() {
      epoch += 1
    },
    begin() {
      open += 1
      begun += 1
      return begun
    },
    end() {
      open -= 1
      if (open === 0) aside.clear()
    },
    putAside(seq) {
      if (open === 0) return
      aside.set(seq, begun)
      if (aside.size < MAX_ASIDE) return
      epoch += 1
      aside.clear()
    },
    isOld: (row, read) => read <= (aside.get(row.seq) ?? 0),
  }
}
