import type { Grant } from '../journal/journal.ts'

/** What engines that died left of one partition: how far they may have begun with what waits in it. */
export interface Legacy {
  /** By the identity of each flow, the highest place of its backlog. */
  readonly begun: ReadonlyMap<string, number>
  /** Children run as soon as they are made, so any of them up to here may have been begun with. */
  readonly upTo: number
}

/** That no engine died. */
export const NO_LEGACY: Legacy = { begun: new Map(), upTo: 0 }

const BEGUN = 'begun:'
const INHERITED = 'inherited:'

/** The cursor that keeps how far an engine goes in the backlog of a flow. */
export function begunCursor(identity: string, member: number): string {
  return member === 0 ? `${BEGUN}${identity}` : `${BEGUN}${identity}@${member}`
}

/** The cursor that keeps the legacy of a partition. */
export function inheritedCursor(partition: number): string {
  return `${INHERITED}${partition}`
}

/** The marks of one engine, by the identity of the flow, of all cursors that keep marks. */
export function marksOf(cursors: ReadonlyMap<string, string>, member: number): ReadonlyMap<string, number> {
  const end = member === 0 ? '' : `@${member}`
  const marks = [...cursors].filter(([name]) => (member === 0 ? !/@\d+$/.test(name) : name.endsWith(end)))
  return new Map(
    marks.map(([name, value]) => [name.slice(BEGUN.length, name.length - end.length), Number(value)]),
  )
}

/** Those of the cursors that keep marks of members that a journal does not know any more: nobody will take over from them. */
export function marksOfTheGone(
  cursors: ReadonlyMap<string, string>,
  members: ReadonlySet<number>,
): readonly string[] {
  return [...cursors.keys()].filter((name) => {
    const [, member] = /@(\d+)$/.exec(name) ?? []
    return name.startsWith(BEGUN) && member !== undefined && !members.has(Number(member))
  })
}

/** Whether a cursor keeps marks of engines or what they left, which mean something in their own journal only. */
export function isLegacyCursor(name: string): boolean {
  return name.startsWith(BEGUN) || name.startsWith(INHERITED)
}

/** What engines that died left of each partition, as the next owners would know it. */
export function legaciesOf(
  cursors: ReadonlyMap<string, string>,
  orphans: readonly Grant[],
): ReadonlyMap<number, Legacy> {
  const named = (prefix: string): [string, string][] =>
    [...cursors].filter(([name]) => name.startsWith(prefix))
  const legacies = new Map(
    named(INHERITED).map(([name, text]) => [Number(name.slice(INHERITED.length)), legacyOf(text)]),
  )
  const marks = new Map(named(BEGUN))
  for (const { partition, died } of orphans) {
    if (died === null) continue
    const left = { begun: marksOf(marks, died.member), upTo: died.upTo }
    legacies.set(partition, joined(legacies.get(partition) ?? NO_LEGACY, left))
  }
  return legacies
}

/** Whether an engine that left this may have begun with a message that has nothing on record. */
export function mayBeBegun(
  { begun, upTo }: Legacy,
  { seq, isChild, identity }: { readonly seq: number; readonly isChild: boolean; readonly identity: string },
): boolean {
  return seq <= (isChild ? upTo : (begun.get(identity) ?? 0))
}

/** What both say. */
export function joined(one: Legacy, two: Legacy): Legacy {
  const begun = new Map(one.begun)
  for (const [identity, place] of two.begun) begun.set(identity, Math.max(place, begun.get(identity) ?? 0))
  return { begun, upTo: Math.max(one.upTo, two.upTo) }
}

/** Whether two say the same. */
export function sameLegacy(one: Legacy, two: Legacy): boolean {
  return textOf(one) === textOf(two)
}

/** A legacy as its cursor keeps it. */
export function textOf({ begun, upTo }: Legacy): string {
  const sorted = [...begun].sort(([one], [two]) => (one < two ? -1 : 1))
  return JSON.stringify({ begun: Object.fromEntries(sorted), upTo })
}

/** The legacy that a cursor keeps. */
export function legacyOf(text: string): Legacy {
  const { begun, upTo } = JSON.parse(text) as { begun: Record<string, number>; upTo: number }
  return { begun: new Map(Object.entries(begun)), upTo }
}
