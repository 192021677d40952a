import type { CursorReader } from '../journal/journal.ts'

/** The cursor under which it is remembered that a flow is paused. */
export function pausedCursor(flow: string): string {
  return `paused:${flow}`
}

/** Whether a flow was paused, and not resumed since. */
export async function isPaused(cursors: CursorReader, flow: string): Promise<boolean> {
  return (await cursors.get(pausedCursor(flow))) === '1'
}
