import type { HistoryKeeper } from '../journal/journal.ts'
import type { CancelTimer, Outside } from '../model/outside.ts'

/** How long ended messages are kept, in milliseconds. */
export interface RetentionOptions {
  readonly history: HistoryKeeper
  readonly outside: Outside
  readonly keepMs: number
  /** For dead letters, doubts and parked messages. */
  readonly keepAttentionMs: number
}

const EVERY_MS = 60_000
const CHUNK = 500
const BETWEEN_CHUNKS_MS = 20
/** A clock that runs a little fast, or is put right by a little, is believed. */
const SLOW_MS = 60_000

/**
 * Forgets old messages a little at a time, so that nothing else waits for it. Answers how to stop.
 *
 * A clock that somebody sets ahead makes nothing older than it is: since the start no more time has passed than the clock
 * says that nobody sets.
 */
export function keepRetention({ history, outside, keepMs, keepAttentionMs }: RetentionOptions): () => void {
  const { clock, logger } = outside
  let cancel: CancelTimer = () => undefined
  let stopped = false
  const started = { at: clock.now(), monotonic: clock.monotonic() }

  const trusted = (): number =>
    Math.min(clock.now(), started.at + clock.monotonic() - started.monotonic + SLOW_MS)

  const next = (afterMs: number): void => {
    if (!stopped) cancel = clock.timer(afterMs, () => void prune())
  }

  const prune = async (): Promise<void> => {
    try {
      const now = trusted()
      const seen = await history.prune(now - keepMs, now - keepAttentionMs, now, CHUNK)
      next(seen === 0 ? EVERY_MS : BETWEEN_CHUNKS_MS)
    } catch (error) {
      logger.log('warn', 'retention.failed', { error: String(error) })
      next(EVERY_MS)
    }
  }

  next(EVERY_MS)
  return () => {
    stopped = true
    cancel()
  }
}
