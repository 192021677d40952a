import { nowMicros } from '../../workload/request.ts'

/** Repeats `work`, which does `each` units, for the time given; units per second. */
export const perSecond = (seconds: number, each: number, work: () => unknown): number => {
  const startedAt = nowMicros()
  let units = 0
  let elapsed = 0
  while (elapsed < seconds * 1e6) {
    work()
    units += each
    elapsed = nowMicros() - startedAt
  }
  return units / (elapsed / 1e6)
}
