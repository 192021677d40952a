import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Calls back at start + n * interval, some tens of microseconds late. */
export type Ticker = {
  /** `startAt` is on the machine's monotonic clock, in microseconds. */
  readonly start: (startAt: number, tick: () => void) => void
  readonly stop: () => Promise<unknown>
}

/**
 * A timer of the event loop is good to a millisecond, as much as what is measured; so a thread of its own
 * sleeps to the microsecond and posts. It is running when this returns. Ticks that fall behind become one.
 */
export const ticker = async (intervalMicros: number): Promise<Ticker> => {
  const worker = new Worker(new URL('./ticker-thread.ts', import.meta.url), {
    workerData: { intervalMicros: Math.max(200, intervalMicros) },
  })
  await once(worker, 'message')
  return {
    start: (startAt, tick) => {
      worker.on('message', tick)
      worker.postMessage(startAt)
    },
    stop: () => worker.terminate(),
  }
}
