import type { ControlOrder } from '../patterns/control.ts'
import { CONTROL_FLOW } from '../patterns/control.ts'
import { isForced } from '../patterns/parts/group-cell.ts'
import type { Cells } from './cells.ts'
import { aggregatesOf, completion } from './control-bus.ts'
import type { Entrance } from './intake.ts'
import type { RuntimeParts } from './runtime-parts.ts'

const POLL_MS = 20
const PAGE = 500

interface Parts extends Pick<RuntimeParts, 'journal' | 'flows' | 'takers' | 'outside'> {
  readonly entrance: Entrance
  readonly cells: Cells
}

/**
 * Completes the groups of the steps that want it when the last engine of a journal stops, and waits for them to go on until a
 * moment of the monotonic clock. What is asked for by then is durable, and done after the next start.
 */
export async function completeOnStop(parts: Parts, deadline: number): Promise<void> {
  const wanted = [...parts.flows.values()].flatMap(({ flow: of }) =>
    aggregatesOf(of).flatMap(({ path, node }) =>
      node.options['onStop'] === true ? [completion(of, path, null)] : [],
    ),
  )
  if (wanted.length === 0 || (await othersLive(parts))) return
  for (const order of wanted) await ask(parts, order)
  const scopes = wanted.map(({ scope }) => scope)
  const { clock } = parts.outside
  do await new Promise<void>((resolve) => clock.timer(POLL_MS, resolve))
  while (clock.monotonic() < deadline && (await isUnderWay(parts, scopes)))
}

async function othersLive({ journal: { ownership } }: Parts): Promise<boolean> {
  if (ownership.partitions === 1) return false
  const { members } = await ownership.survey()
  return members.some(({ member, state }) => state === 'live' && member !== ownership.member)
}

async function ask({ takers, entrance }: Parts, body: ControlOrder): Promise<void> {
  const taker = takers.get(CONTROL_FLOW)
  if (!taker) return
  await entrance.accept(await entrance.prepare(taker, { body }, undefined))
}

/** Whether the control flow still runs, or a group has not gone on that was asked for. */
async function isUnderWay({ takers, cells }: Parts, scopes: readonly string[]): Promise<boolean> {
  if ((takers.get(CONTROL_FLOW)?.queue.active ?? 0) > 0) return true
  for (const scope of scopes)
    for (let after = ''; ; ) {
      const page = await cells.list(scope, after, PAGE)
      if (page.some(({ value }) => isForced(value))) return true
      const last = page.at(-1)
      if (!last || page.length < PAGE) break
      after = last.key
    }
  return false
}
