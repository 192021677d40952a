import type { Clock } from '../model/outside.ts'

/** Waits for what may take longer than there is time for; what it fails with is of no interest any more. */
export function within(clock: Clock, ms: number, ending: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.timer(ms, resolve)
    const done = (): void => {
      cancel()
      resolve()
    }
    ending.then(done, done)
  })
}
