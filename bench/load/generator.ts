import { nowMicros } from '../workload/request.ts'
import type { Sent } from './arrivals.ts'
import { type Connection, connection, type Target } from './connection.ts'
import { type HistogramSnapshot, histogram } from './histogram.ts'
import { ticker } from './ticker.ts'

export type Load = {
  /** The connections are spread over them. */
  readonly targets: readonly Target[]
  readonly connections: number
  /** The number of the first message; a warm-up and its measurement use different ones. */
  readonly from: number
  readonly stopAfter: { readonly seconds: number } | { readonly count: number }
  /** Messages per second whether or not answers come; absent: each connection waits for its answer. */
  readonly rate?: number
}

export type LoadReport = {
  readonly sent: Sent
  readonly accepted: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Acknowledgement time of the accepted ones: in a closed loop from sending, at a rate from schedule. */
  readonly acknowledgement: HistogramSnapshot
  /** At a rate only: how late the generator itself began to send. Part of the acknowledgement time. */
  readonly lag: HistogramSnapshot
  readonly statuses: Readonly<Record<string, number>>
}

/** Runs one load to its end: every request that was sent has been answered or has failed. */
export const runLoad = async (load: Load): Promise<LoadReport> => {
  const opened = await Promise.all(
    Array.from({ length: load.connections }, (_, n) =>
      connection(load.targets[n % load.targets.length] as Target),
    ),
  )
  const record = recorder(load.from)
  const startedAt = nowMicros()
  await (load.rate === undefined
    ? closedLoop(load, opened, record)
    : openLoop(load, load.rate, opened, record))
  const report = record.report((nowMicros() - startedAt) / 1e6)
  for (const each of opened) each.close()
  return report
}

type Recorder = {
  readonly next: () => number
  readonly taken: () => number
  readonly lag: (micros: number) => void
  readonly answered: (sequence: number, micros: number, status: number) => void
  readonly report: (seconds: number) => LoadReport
}

const recorder = (from: number): Recorder => {
  const acknowledgement = histogram()
  const lag = histogram()
  const statuses: Record<string, number> = {}
  const notAccepted: number[] = []
  let next = from
  let accepted = 0
  return {
    next: () => next++,
    taken: () => next - from,
    lag: lag.record,
    answered: (sequence, micros, status) => {
      statuses[status] = (statuses[status] ?? 0) + 1
      if (status < 200 || status > 299) {
        notAccepted.push(sequence)
        return
      }
      accepted += 1
      acknowledgement.record(micros)
    },
    report: (seconds) => ({
      sent: { first: from, last: next - 1, notAccepted },
      accepted,
      seconds,
      acknowledgement: acknowledgement.snapshot(),
      lag: lag.snapshot(),
      statuses,
    }),
  }
}

/** Says whether one more message is to be sent. */
const limiter = (load: Load, record: Recorder): (() => boolean) => {
  if ('count' in load.stopAfter) {
    const { count } = load.stopAfter
    return () => record.taken() < count
  }
  const until = nowMicros() + load.stopAfter.seconds * 1e6
  return () => nowMicros() < until
}

const closedLoop = async (load: Load, opened: readonly Connection[], record: Recorder): Promise<void> => {
  const more = limiter(load, record)
  await Promise.all(opened.map((each) => sendInTurn(each, more, record)))
}

const reconnectMs = 50

const sendInTurn = (each: Connection, more: () => boolean, record: Recorder): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const send = (): void => {
    if (more()) sendOne()
    else resolve()
  }
  const sendOne = (): void => {
    const sequence = record.next()
    const sentAt = nowMicros()
    each.send(sequence, sentAt, (status) => {
      record.answered(sequence, nowMicros() - sentAt, status)
      if (status === 0) setTimeout(send, reconnectMs)
      else send()
    })
  }
  send()
  return promise
}

/**
 * Sends message i at start + i/rate. Where all connections are taken it waits its turn, and its time counts
 * from the schedule: a stalled participant is charged for all that it held up (no coordinated omission).
 */
const openLoop = async (
  load: Load,
  rate: number,
  opened: readonly Connection[],
  record: Recorder,
): Promise<void> => {
  const total = 'count' in load.stopAfter ? load.stopAfter.count : Math.round(load.stopAfter.seconds * rate)
  const free = [...opened]
  const { promise, resolve } = Promise.withResolvers<void>()
  const ticks = await ticker(1e6 / rate)
  const startAt = nowMicros() + 10_000
  let answered = 0
  const sendOn = (each: Connection): void => {
    const scheduledAt = startAt + (record.taken() * 1e6) / rate
    const sequence = record.next()
    record.lag(nowMicros() - scheduledAt)
    each.send(sequence, scheduledAt, (status) => {
      record.answered(sequence, nowMicros() - scheduledAt, status)
      answered += 1
      free.push(each)
      if (answered === total) resolve()
      else sendDue()
    })
  }
  const due = (): boolean => record.taken() < total && startAt + (record.taken() * 1e6) / rate <= nowMicros()
  const sendDue = (): void => {
    for (let each = free.at(-1); each !== undefined && due(); each = free.at(-1)) {
      free.pop()
      sendOn(each)
    }
  }
  ticks.start(startAt, sendDue)
  await promise
  await ticks.stop()
}
