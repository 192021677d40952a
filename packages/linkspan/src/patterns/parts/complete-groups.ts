import { turnPlace } from '../../model/step-place.ts'
import type { Pass, StepResult } from '../pattern.ts'
import { force } from './group-cell.ts'

const PAGE = 256
/** No group has it as its key: asked for the engine's time. */
const NO_GROUP = ''

/** Ends a message that has done what it came for. */
export function done(reason: string): StepResult {
  return { kind: 'end', ending: 'done', reason }
}

/** Ends a message that had groups completed. */
export function completed(groups: number): StepResult {
  return done(`${groups} ${groups === 1 ? 'group' : 'groups'} completed`)
}

/** Has the group of a key completed, by its leader; answers how many it had completed. */
export async function completeOne(pass: Pass, path: string, scope: string, key: string): Promise<number> {
  const place = turnPlace(path, 1)
  const { did, wake } = await pass.update(place, scope, key, force(Number.POSITIVE_INFINITY))
  if (wake) await pass.wake(place, wake)
  return did === 'forced' ? 1 : 0
}

/**
 * Has all groups completed that there were when the message first came here. How far it is goes on record a page at a time, and
 * groups that were opened since are left alone, so that it may be interrupted anywhere. Answers the step's next free turn.
 */
export async function completeAll(
  pass: Pass,
  path: string,
  scope: string,
): Promise<{ readonly groups: number; readonly turn: number }> {
  const since = await pass.update(turnPlace(path, 1), scope, NO_GROUP, (_present, at) => ({ result: at }))
  let groups = 0
  let after: string | null = ''
  let turn = 2
  for (; after !== null; turn += 1) {
    const page: Page = await pageAt(pass, turnPlace(path, turn), scope, after, since)
    groups += page.groups
    after = page.after
  }
  return { groups, turn }
}

/** An alias, as an interface is not plain data to the compiler. */
type Page = { readonly groups: number; readonly after: string | null }

async function pageAt(pass: Pass, place: string, scope: string, after: string, since: number): Promise<Page> {
  const recorded = pass.recall(place)
  if (recorded) return recorded.value as Page
  const cells = await pass.cells(scope, after, PAGE)
  let groups = 0
  for (const { key } of cells) {
    const { did, wake } = await pass.change(scope, key, force(since))
    if (did === 'forced') groups += 1
    if (wake) await pass.wake(place, wake)
  }
  const page = { groups, after: cells.length < PAGE ? null : (cells.at(-1)?.key ?? null) }
  pass.record(place, page)
  return page
}
