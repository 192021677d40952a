import type { StateReader } from '../journal/journal.ts'
import type { CancelTimer, Clock, Logger } from '../model/outside.ts'
import { eventScope, expire, hasExpired } from '../patterns/parts/event-cell.ts'
import type { CellRecorder, Cells } from './cells.ts'
import { openCell } from './codec.ts'
import type { Metrics } from './engine-api.ts'

/** What counting takes. */
export interface EventKeepingOptions {
  /** The names of the events that the flows have. */
  readonly events: readonly string[]
  readonly cells: Cells
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Where it is kept how many events of a name nobody took in their time. */
const SCOPE = 'linkspan:expired-events'
const FIRST_MS = 60_000
const EVERY_MS = 3_600_000
const PAGE = 500
/** How many cells of an event are looked at in one go; the next go begins where this one ended. */
const MOST = 20 * PAGE

/** Nothing of it belongs to a message. */
const OFF_RECORD: CellRecorder<unknown> = {
  write: () => undefined,
  frame: () => null,
  kept: () => undefined,
}

/**
 * Counts the events that nobody took as long as they were kept, within the hour, and forgets them. Each is counted once by all
 * engines of a cluster; a crash between the forgetting and the counting leaves some out. Answers how to stop.
 */
export function keepEvents(options: EventKeepingOptions): () => void {
  const { events, clock, logger } = options
  const after = new Map<string, string>()
  let cancel: CancelTimer = () => undefined
  let stopped = false

  const next = (afterMs: number): void => {
    if (!stopped) cancel = clock.timer(afterMs, () => void look())
  }

  const look = async (): Promise<void> => {
    try {
      for (const event of events) after.set(event, await lookAt(options, event, after.get(event) ?? ''))
    } catch (error) {
      if (!stopped) logger.log('warn', 'events.counting-failed', { error: String(error) })
    }
    next(EVERY_MS)
  }

  if (events.length > 0) next(FIRST_MS)
  return () => {
    stopped = true
    cancel()
  }
}

/** Looks at the cells of an event behind a key; answers the key to begin with next time. */
async function lookAt(options: EventKeepingOptions, event: string, from: string): Promise<string> {
  const { cells, clock, logger, metrics } = options
  const scope = eventScope(event)
  let after = from
  let expired = 0
  for (let seen = 0; seen < MOST; ) {
    const page = await cells.list(scope, after, PAGE)
    for (const { key, value } of page)
      if (hasExpired(value, clock.now()))
        expired += await cells.update<number>(scope, key, expire(), OFF_RECORD)
    after = page.length < PAGE ? '' : (page.at(-1)?.key ?? '')
    if (after === '') break
    seen += page.length
  }
  if (expired > 0) {
    metrics.counter('linkspan_events_expired_total', { event }, expired)
    logger.log('warn', 'events.expired', { event, count: expired })
    await cells.update(
      SCOPE,
      event,
      (present) => ({ value: Number(present ?? 0) + expired, result: null }),
      OFF_RECORD,
    )
  }
  return after
}

/** How many events of a name nobody took in their time, as far as the journal knows. */
export async function expiredEvents(state: StateReader, event: string): Promise<number> {
  const bytes = await state.get(SCOPE, event)
  return bytes === null ? 0 : Number(openCell(bytes, SCOPE, event).v)
}
