import type { Batch, JournalEnvironment } from 'linkspan/journal'

/** What a journal that is only filled is opened with. */
export const outside = (directory: string): JournalEnvironment => ({
  directory,
  clock: {
    now: Date.now,
    monotonic: () => performance.now(),
    timer: (afterMs, run) => {
      const timer = setTimeout(run, afterMs)
      return () => clearTimeout(timer)
    },
    defer: (run) => void setImmediate(run),
  },
  logger: { log: () => undefined },
})

/** A batch in which nothing is, but what is given. */
export const batchOf = (id: number, given: Partial<Batch>): Batch => ({
  ...{ id, accept: [], records: [], waits: [], settle: [], revive: [], state: [], cursors: [], lowWater: 1 },
  ...given,
})

/** A message without key, parent or search fields, accepted and run at once. */
export const filledMessage = (
  token: string,
  acceptedAt: number,
  body: Uint8Array,
): Batch['accept'][number] => ({
  ...{ flow: 'relay', key: null, token, acceptedAt, codeVersion: 'filled', headers: {}, body, parent: null },
  ...{ partition: 0, handOver: false, handedUpTo: 0, ready: false, dedupe: null, index: null },
})

/** The end of such a message, with the record of its one call. */
export const filledEnding = (seq: number, endedAt: number, frame: Uint8Array): Batch['settle'][number] => ({
  ...{ seq, ending: 'done', endedAt, attempt: 0, n: 0, reason: '', frame },
})
