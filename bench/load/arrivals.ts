import { type HistogramSnapshot, histogram } from './histogram.ts'

/** What the load generator says it sent: numbers `first` to `last`, of which these were not accepted. */
export type Sent = {
  readonly first: number
  readonly last: number
  readonly notAccepted: readonly number[]
}

export type ArrivalReport = {
  /** Accepted messages that arrived at least once. */
  readonly delivered: number
  /** Accepted messages that did not arrive. */
  readonly lost: number
  /** Messages that arrived more than once. */
  readonly doubled: number
  /** Messages that arrived although they were not accepted: their acknowledgement was lost or refused. */
  readonly unacknowledged: number
  /** Requests that came without an `Idempotency-Key`. */
  readonly withoutKey: number
  readonly firstAt: number
  readonly lastAt: number
  readonly endToEnd: HistogramSnapshot
}

/** Counts each message by its number, so that a lost or doubled one is seen and not averaged away. */
export type Arrivals = {
  readonly record: (sequence: number, scheduledAt: number, now: number, hasKey: boolean) => void
  readonly has: (sequence: number) => boolean
  readonly distinct: () => number
  readonly report: (sent: Sent) => ArrivalReport
}

/** `from` is the first number that counts: stragglers of a warm-up carry lower ones. */
export const arrivals = (from: number): Arrivals => {
  let counts = new Uint8Array(1 << 16)
  let distinct = 0
  let withoutKey = 0
  let firstAt = 0
  let lastAt = 0
  const endToEnd = histogram()

  const countOf = (sequence: number): number => counts[sequence - from] ?? 0
  const grow = (length: number): void => {
    const larger = new Uint8Array(length * 2)
    larger.set(counts)
    counts = larger
  }
  const record: Arrivals['record'] = (sequence, scheduledAt, now, hasKey) => {
    const index = sequence - from
    if (index < 0) return
    if (index >= counts.length) grow(index + 1)
    if (!hasKey) withoutKey += 1
    const before = counts[index]!
    counts[index] = Math.min(255, before + 1)
    if (before > 0) return
    distinct += 1
    if (firstAt === 0) firstAt = now
    lastAt = now
    endToEnd.record(now - scheduledAt)
  }
  const report: Arrivals['report'] = (sent) => ({
    ...tally(sent, countOf),
    withoutKey,
    firstAt,
    lastAt,
    endToEnd: endToEnd.snapshot(),
  })
  return { record, has: (sequence) => countOf(sequence) > 0, distinct: () => distinct, report }
}

type Tally = Pick<ArrivalReport, 'delivered' | 'lost' | 'doubled' | 'unacknowledged'>

const tally = (sent: Sent, countOf: (sequence: number) => number): Tally => {
  const refused = new Set(sent.notAccepted)
  const result = { delivered: 0, lost: 0, doubled: 0, unacknowledged: 0 }
  for (let sequence = sent.first; sequence <= sent.last; sequence++) {
    const count = countOf(sequence)
    if (count > 1) result.doubled += 1
    if (refused.has(sequence)) result.unacknowledged += count > 0 ? 1 : 0
    else if (count === 0) result.lost += 1
    else result.delivered += 1
  }
  return result
}
