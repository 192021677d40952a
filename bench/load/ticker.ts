import { Worker } from 'node:worker_threads'

/** Calls back at start + n * interval, some tens of microseconds late. */
export type Ticker = { readonly stop: () => Promise<unknown> }

/**
 * A timer of the event loop is good to a millisecond, as much as what is measured; so a thread of its own
 * sleeps to the microsecond and posts. Ticks that fall behind are posted as one.
 */
export const ticker = (startAt: number, intervalMicros: number, tick: () => void): Ticker => {
  const worker = new Worker(new URL('./ticker-thread.ts', import.meta.url), {
    workerData: { startAt, intervalMicros: Math.max(200, intervalMicros) },
  })
  worker.on('message', tick)
  return { stop: () => worker.terminate() }
}
