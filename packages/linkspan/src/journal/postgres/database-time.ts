import type { Clock } from '../../model/outside.ts'

/** What the database's clock showed, and when that was asked for and answered by the monotonic clock. */
export interface Reading {
  readonly sentAt: number
  readonly receivedAt: number
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

/** The time of the database as an engine knows it between two answers. */
export interface DatabaseTime {
  /** Milliseconds since 1970: never ahead of the database, and behind by no more than an answer took. */
  now(): number
  read(reading: Reading): void
}

/** An answer that took longer than this says less than the one before it. */
const SLOW_MS = 500

/** Makes the time of a database from a first reading of its clock. */
export function databaseTime(clock: Pick<Clock, 'monotonic'>, first: Reading): DatabaseTime {
  let last = first
  return {
    now: () => last.nowMs + clock.monotonic() - last.receivedAt,
    read(reading) {
      const took = ({ sentAt, receivedAt }: Reading): number => receivedAt - sentAt
      if (took(reading) <= Math.max(SLOW_MS, took(last))) last = reading
    },
  }
}
