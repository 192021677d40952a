import type { CursorReader } from '../journal/journal.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import type { Taker } from './intake.ts'
import type { KeptSource } from './sources.ts'

/** What the names of such cursors begin with. */
export const PAUSED_PREFIX = 'paused:'
const PAUSED = '1'
const RESUMED = '0'

/** The cursor under which it is remembered that a flow is paused, under whatever name. */
export function pausedCursor(flow: FlowNames): string {
  return `${PAUSED_PREFIX}${identityOf(flow)}`
}

/** The value of that cursor: another one each time, so that engines notice a change that was taken back since they looked. */
export function pausedValue(paused: boolean, token: string): string {
  return `${paused ? PAUSED : RESUMED} ${token}`
}

/** Whether that cursor says so. */
export function saysPaused(value: string | null | undefined): boolean {
  return value?.startsWith(PAUSED) ?? false
}

/** Whether a flow was paused, and not resumed since. */
export async function isPaused(cursors: CursorReader, flow: FlowNames): Promise<boolean> {
  return saysPaused(await cursors.get(pausedCursor(flow)))
}

/** Pauses or resumes a flow here, its source with it. */
export async function setPaused(
  { queue }: Pick<Taker, 'queue'>,
  source: Pick<KeptSource, 'start' | 'stop'> | undefined,
  paused: boolean,
): Promise<void> {
  if (paused) {
    queue.pause()
    await source?.stop()
  } else {
    queue.resume()
    source?.start()
  }
}
