import { LinkspanError } from '../../model/errors.ts'
import type { Pass, StepContext } from '../pattern.ts'
import { answered } from './answered.ts'
import type { Folded, Gathered } from './group-cell.ts'
import { COLLECT_LIMIT } from './joining.ts'
import { asJson } from './json.ts'
import { allMembers, type Members, storedMembers, withMember } from './stored-members.ts'

/** How the members of a group become what goes on. */
export interface Gathering {
  /** The group with one more member, at the engine's time. */
  add(pass: Pass, before: Gathered | null, at: number): Folded
  /** What the functions of the step see of a group that is not complete. */
  seen(pass: Pass, group: Gathered): unknown
  /** What goes on. Places are where it may put something on record. */
  whole(
    pass: Pass,
    group: Gathered,
    places: { readonly list: string; readonly removed: string },
  ): unknown | Promise<unknown>
}

/** Where members that are kept one by one lie, and how long. */
export interface Keeping {
  readonly scope: string
  readonly keepMs: number
}

/** How members are folded into one value, as given. */
export interface FoldCode {
  readonly initial: () => unknown
  readonly add: (value: unknown, body: unknown, ctx: StepContext) => unknown
}

/** The most that the bodies of a group may have as JSON to go on as an array, in characters. */
export const LIST_LENGTH: number = 16 * 2 ** 20

/** So many members of an array are written again with each one that comes; more lie in rows of as many. */
const ROW_SIZE = 64

/** Members that are folded. The value that `add` may change is a copy, as the group is left as it was when something throws. */
export function folding({ initial, add }: FoldCode, path: string): Gathering {
  return {
    add({ body, context }, before) {
      const value =
        before === null ? answered(initial(), path, 'its initial') : asJson(before.value, path, 'the value')
      return {
        value: asJson(answered(add(value, body, context), path, 'its add'), path, 'the value'),
        along: [],
      }
    },
    seen: (_pass, { value }) => value,
    whole: (_pass, { value }) => value,
  }
}

/** Members whose bodies become an array; `isSeen` while the group is open too. */
export function listing(path: string, scope: string, isSeen: boolean): Gathering {
  const rowSize = isSeen ? Number.POSITIVE_INFINITY : ROW_SIZE
  return {
    add(pass, before, at) {
      if (before !== null && before.count >= COLLECT_LIMIT) throw tooMany(path)
      const rows = { scope, group: nameOf(pass, at), rowSize, until: null }
      const folded = withMember(before, asJson(pass.body, path, 'a body'), rows)
      if ((folded.value as Members).length > LIST_LENGTH) throw tooLong(path)
      return folded
    },
    seen: (_pass, { value }) => (value as Members).tail,
    whole: (pass, { value }, places) => allMembers(pass, path, value, scope, places),
  }
}

/** Members whose bodies stay in the journal. */
export function storing(path: string, { scope, keepMs }: Keeping): Gathering {
  const members: Gathering['seen'] = (pass, { value, count }) => storedMembers(pass, value, count, scope)
  return {
    add(pass, before, at) {
      const rows = { scope, group: nameOf(pass, at), rowSize: 1, until: at + keepMs }
      return withMember(before, asJson(pass.body, path, 'a body'), rows)
    },
    seen: members,
    whole: members,
  }
}

/** Of the first member, which may be sent again when its group is long complete. */
function nameOf({ sleeper }: Pass, at: number): string {
  return `${sleeper.id}.${at}`
}

const INSTEAD =
  "Fold them instead: { initial: () => …, add: (value, body) => … }, or keep them with collect: 'stored' and split them."

function tooMany(path: string): LinkspanError {
  return new LinkspanError(
    'JOIN_TOO_LARGE',
    `The step "${path}" collects at most ${COLLECT_LIMIT} bodies of a group. ${INSTEAD}`,
    { details: { path, limit: COLLECT_LIMIT } },
  )
}

function tooLong(path: string): LinkspanError {
  return new LinkspanError(
    'JOIN_TOO_LARGE',
    `The step "${path}" collects bodies that have at most ${LIST_LENGTH} characters together as JSON, and would have more with this one. ${INSTEAD}`,
    { details: { path, limit: LIST_LENGTH } },
  )
}
