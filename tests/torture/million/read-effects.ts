import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { EFFECTS } from './effects-file.ts'

/** What is wrong with what was written down. */
export interface Violation {
  readonly kind: string
  readonly says: string
}

/** What has to be found in a file of effects. */
export interface Expected {
  readonly folder: string
  /** So many items, each of them finished under one key. */
  readonly items: number
  readonly kills: number
  /** What the end has to be told. */
  readonly end: Readonly<Record<string, number>>
}

/** How many calls may be under way when an engine dies: the flow's concurrency. */
const UNDER_WAY = 128
/** Calls whose outcome waits for the next commit when an engine dies. */
const UNCOMMITTED = 3 * UNDER_WAY
const MOST_SHOWN = 20

/** Reads what the systems wrote down; `repeats` are items whose call was made again after a kill, with the key it had. */
export async function readEffects({
  folder,
  items,
  kills,
  end,
}: Expected): Promise<{ readonly violations: readonly Violation[]; readonly repeats: number }> {
  const violations: Violation[] = []
  const marks = new Map<number, string>()
  const ends = new Set<string>()
  let repeats = 0
  for await (const line of createInterface({ input: createReadStream(join(folder, EFFECTS)) })) {
    const [what = '', mark = '', , facts = ''] = line.split(' ')
    if (what === 'end') {
      ends.add(mark)
      if (facts !== JSON.stringify(end))
        violations.push({ kind: 'content', says: `the end was told ${facts}, not ${JSON.stringify(end)}` })
      continue
    }
    const known = marks.get(Number(what))
    if (known === undefined) marks.set(Number(what), mark)
    else if (known === mark) repeats += 1
    else violations.push({ kind: 'doubled', says: `item ${what} was done as ${known} and as ${mark}` })
  }
  if (marks.size !== items)
    violations.push({ kind: 'missing', says: `${items - marks.size} items were not done` })
  if (ends.size !== 1) violations.push({ kind: 'doubled', says: `it ended ${ends.size} times` })
  if (repeats > kills * (UNDER_WAY + UNCOMMITTED))
    violations.push({ kind: 'doubled', says: `${repeats} finished items were done again` })
  return { violations: violations.slice(0, MOST_SHOWN), repeats }
}
