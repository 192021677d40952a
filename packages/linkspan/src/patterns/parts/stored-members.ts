import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Pass } from '../pattern.ts'
import type { Folded, Gathered } from './group-cell.ts'

/**
 * The members of a complete group that lie in the journal one by one, in the order in which they came. `split` takes them as its
 * items and reads a few at a time, in the message that goes on with the group: what was sent on, or kept as JSON, is no longer
 * them.
 */
export interface StoredMembers<B> {
  readonly kind: 'members'
  readonly count: number
  /** Under which scope, and under keys that begin how, they lie. */
  readonly scope: string
  readonly group: string
  /** Phantom: what each of them is. Never set. */
  readonly __member?: B
}

/** The members of a group as its cell has them: full rows of them lie beside it, and the tail came after those. */
export type Members = {
  readonly group: string
  readonly rows: number
  readonly tail: readonly Json[]
  /** Their length as JSON. */
  readonly length: number
}

/** Where and how the members of a group lie. */
export interface MemberRows {
  /** The scope of the group's own cell. */
  readonly scope: string
  /** A name that no other group has. */
  readonly group: string
  /** So many are in a row. */
  readonly rowSize: number
  readonly until: number | null
}

/** The message that may read members. It is no part of what is kept as JSON, so that nobody can send what looks like them. */
const OWNER: unique symbol = Symbol('the message that goes on with the group')

/** So many rows are read at once. */
const PAGE = 256
const DIGITS = 9

/** A group with one more member. A row is put in the commit that takes its members out of the group's cell. */
export function withMember(
  before: Gathered | null,
  body: Json,
  { scope, group, rowSize, until }: MemberRows,
): Folded {
  const empty: Members = { group, rows: 0, tail: [], length: 0 }
  const members = (before?.value as Members | undefined) ?? empty
  const tail = [...members.tail, body]
  const length = members.length + JSON.stringify(body).length
  if (tail.length < rowSize) return { value: { ...members, tail, length }, along: [] }
  const row = { scope: scopeOf(scope), key: rowKey(members.group, members.rows), value: tail, until }
  return { value: { ...members, rows: members.rows + 1, tail: [], length }, along: [row] }
}

function scopeOf(scope: string): string {
  return `${scope}//members`
}

function rowKey(group: string, row: number): string {
  return `${group}/${String(row).padStart(DIGITS, '0')}`
}

/** What goes on of a group whose members stay where they are. */
export function storedMembers(
  { context }: Pass,
  value: Json,
  count: number,
  scope: string,
): StoredMembers<unknown> {
  const members = { kind: 'members', count, scope: scopeOf(scope), group: (value as Members).group } as const
  return Object.defineProperty(members, OWNER, { value: context.id })
}

/** Whether the items of a split are stored members. */
export function areMembers(items: unknown): items is StoredMembers<unknown> {
  const { kind, group } = (items ?? {}) as Partial<StoredMembers<unknown>>
  return kind === 'members' && typeof group === 'string'
}

/**
 * Reads stored members.
 * @throws {LinkspanError} `STEP_FAILED` when they are another message's or are not there any more.
 */
export function readStored(
  pass: Pass,
  path: string,
  members: StoredMembers<unknown> & { readonly [OWNER]?: string },
): AsyncGenerator<unknown> {
  if (members[OWNER] === pass.context.id) return readRows(pass, path, members, members.count)
  throw new LinkspanError(
    'STEP_FAILED',
    `The split "${path}" was given stored members that are not those of this message. Split them in the message that goes on with their group, as \`aggregate\` gave them: not in its children, and not after they were sent or kept as JSON.`,
    { details: { path } },
  )
}

/** The bodies of all members, where these are to be one array. The rows are removed once that is on record. */
export async function allMembers(
  pass: Pass,
  path: string,
  value: Json,
  scope: string,
  places: { readonly list: string; readonly removed: string },
): Promise<readonly unknown[]> {
  const { group, rows, tail } = value as Members
  if (rows === 0) return tail
  const at = { scope: scopeOf(scope), group }
  const list = await pass.update(places.list, at.scope, rowKey(group, 0), async () => ({
    value: null,
    result: [...(await listed(pass, path, at, rows)), ...tail],
  }))
  if (pass.recall(places.removed) === undefined) {
    await removeRows(pass, at, rows)
    pass.record(places.removed, true)
  }
  return list
}

type Rows = Pick<StoredMembers<unknown>, 'scope' | 'group'>

async function listed(pass: Pass, path: string, at: Rows, rows: number): Promise<Json[]> {
  const bodies: Json[] = []
  for await (const body of readRows(pass, path, at, rows)) bodies.push(body)
  return bodies
}

async function* readRows(
  pass: Pass,
  path: string,
  { scope, group }: Rows,
  rows: number,
): AsyncGenerator<Json> {
  let read = 0
  for (let after = `${group}/`; read < rows; after = rowKey(group, read - 1)) {
    const page = await pass.cells(scope, after, Math.min(PAGE, rows - read))
    if (page.length === 0) throw lost(path)
    for (const { key, value } of page) {
      if (key !== rowKey(group, read)) throw lost(path)
      read += 1
      yield* value as readonly Json[]
    }
  }
}

async function removeRows(pass: Pass, { scope, group }: Rows, rows: number): Promise<void> {
  for (let row = 0; row < rows; row += 1)
    await pass.change(scope, rowKey(group, row), () => ({ value: null, result: null }))
}

function lost(path: string): LinkspanError {
  return new LinkspanError(
    'STEP_FAILED',
    `The members of the group that the step "${path}" takes are not in the journal any more. They are kept for the time that \`keep\` of the aggregate says, counted from when their group has to be complete at the latest.`,
    { details: { path } },
  )
}
