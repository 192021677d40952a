import { LinkspanError } from '../../model/errors.ts'
import { shown } from './arguments.ts'

/**
 * Items in groups of so many, for a `split` of grouped parts (Camel: `group` of a tokenizer, `collate`). The last group may be
 * smaller. The items are read one at a time, as many as a group has, so there may be millions; each group is the body of one child.
 *
 * @throws {LinkspanError} `STEP_FAILED` when the size is not a whole number from 1.
 * @example
 * ```ts
 * import { flow, groupsOf, inbox } from 'linkspan'
 * const lines = flow('lines')
 *   .from(inbox<{ lines: string[] }>())
 *   .split('hundreds', (file) => groupsOf(file.lines, 100), (group) => group.map((all) => all.join('\n')))
 * ```
 */
export function groupsOf<I>(items: Iterable<I>, size: number): Iterable<I[]> {
  if (!Number.isSafeInteger(size) || size < 1)
    throw new LinkspanError(
      'STEP_FAILED',
      `groupsOf() makes groups of a whole number from 1, not of ${shown(size)}.`,
      { retry: 'never' },
    )
  return inGroups(items, size)
}

function* inGroups<I>(items: Iterable<I>, size: number): Generator<I[]> {
  let group: I[] = []
  for (const item of items) {
    group.push(item)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}
