import type { CursorReader } from '../journal/journal.ts'
import { type FlowNames, identityOf } from './former-names.ts'

/** The cursor under which it is remembered that a flow is paused, under whatever name. */
export function pausedCursor(flow: FlowNames): string {
  return `paused:${identityOf(flow)}`
}

/** Whether a flow was paused, and not resumed since. */
export async function isPaused(cursors: CursorReader, flow: FlowNames): Promise<boolean> {
  return (await cursors.get(pausedCursor(flow))) === '1'
}
