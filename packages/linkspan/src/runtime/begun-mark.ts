import type { Journal } from '../journal/journal.ts'
import type { Committer } from './committer.ts'
import { type FlowNames, identityOf } from './former-names.ts'

/** The cursor under which it is remembered how far a flow's backlog was begun with, under whatever name. */
function begunCursor(flow: FlowNames): string {
  return `begun:${identityOf(flow)}`
}

/** How far each flow's backlog had been begun with when the last engine died; after a proper end nothing is open. */
export async function begunBefore(
  journal: Journal,
  flows: readonly FlowNames[],
): Promise<ReadonlyMap<string, number>> {
  if (!journal.opened.crashed) return new Map()
  const marks = flows.map(
    async (flow) => [flow.name, Number((await journal.cursors.get(begunCursor(flow))) ?? 0)] as const,
  )
  return new Map(await Promise.all(marks))
}

/** Remembers that a flow's backlog may be begun with up to a place; resolves after the commit. */
export function markBegun(committer: Committer, flow: FlowNames, seq: number): Promise<void> {
  const change = { name: begunCursor(flow), value: String(seq) }
  return new Promise((resolve, reject) => committer.cursor(change, resolve, reject))
}
