import type { Sleeper } from '../pattern.ts'

/** A sleeper as a cell of engine state keeps it. An alias, as an interface is not plain data to the compiler. */
export type StoredSleeper = Pick<Sleeper, keyof Sleeper>

/** Where a message is found, as plain data. */
export function storedSleeper({ id, seq, flow, partition }: Sleeper): StoredSleeper {
  return { id, seq, flow, partition }
}
