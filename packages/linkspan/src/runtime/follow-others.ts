import type { CursorReader } from '../journal/journal.ts'
import type { CancelTimer, Clock, Logger } from '../model/outside.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import type { Taker } from './intake.ts'
import { PAUSED_PREFIX, pausedCursor, saysPaused, setPaused } from './paused.ts'
import type { KeptSource } from './sources.ts'

const AGAIN_PREFIX = 'again:'

/** The cursor that changes when messages of a flow live again which another engine is to run. */
export function againCursor(flow: FlowNames): string {
  return `${AGAIN_PREFIX}${identityOf(flow)}`
}

/** What following takes. */
export interface FollowOptions {
  readonly cursors: CursorReader
  /** What was left when the pauses and the backlog of the flows had not been read yet: what changes after that is followed. */
  readonly from: Left
  readonly clock: Clock
  readonly logger: Logger
  readonly takers: ReadonlyMap<string, Taker>
  readonly sources: ReadonlyMap<string, KeptSource>
  /** What else there is to be seen: given what people left by now. */
  readonly look: readonly ({ look(left: Left): Promise<void> } | null)[]
}

const LOOK_EVERY_MS = 1_000

/** What people left for all engines, by the names of the cursors. */
export type Left = ReadonlyMap<string, string>

/** Reads what people have left up to now. */
export async function readLeft(cursors: CursorReader): Promise<Left> {
  const [paused, again] = await Promise.all([PAUSED_PREFIX, AGAIN_PREFIX].map(cursors.list))
  return new Map([...(paused ?? []), ...(again ?? [])])
}

/**
 * Follows what people do at other engines of the cluster, which they leave in cursors: flows are paused and resumed, and
 * messages live again; and takes up what is asked of this engine there. Answers how to stop.
 */
export function followOthers({
  cursors,
  from,
  clock,
  logger,
  takers,
  sources,
  look: others,
}: FollowOptions): () => void {
  let cancel: CancelTimer = () => undefined
  let stopped = false
  /** What the journal said last: only what changes there is followed, as a change made here takes a moment to get there. */
  let before = from

  const follow = async (name: string, taker: Taker, last: Left, now: Left): Promise<void> => {
    const { definition } = taker.flow.flow
    const changed = (cursor: string): boolean => now.get(cursor) !== last.get(cursor)
    if (changed(againCursor(definition))) taker.queue.gained()
    const pauses = pausedCursor(definition)
    const paused = saysPaused(now.get(pauses))
    if (!changed(pauses) || taker.queue.paused === paused) return
    await setPaused(taker, sources.get(name), paused)
    logger.log('info', paused ? 'flow.paused' : 'flow.resumed', { flow: name, by: 'another engine' })
  }

  const look = async (): Promise<void> => {
    const now = await readLeft(cursors)
    if (stopped) return
    for (const [name, taker] of takers) await follow(name, taker, before, now)
    // Not before: what could not be followed is tried again.
    before = now
    for (const other of others) await other?.look(now)
  }

  const lookLater = (): void => {
    if (stopped) return
    cancel = clock.timer(LOOK_EVERY_MS, () => {
      look()
        .catch((error: unknown) => logger.log('warn', 'others.not-followed', { error: String(error) }))
        .finally(lookLater)
    })
  }
  lookLater()
  return () => {
    stopped = true
    cancel()
  }
}
