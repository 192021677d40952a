import type { ClusterMember, CursorReader, Grant, StoredMessage } from '../journal/journal.ts'
import type { Committer } from './committer.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import {
  begunCursor,
  inheritedCursor,
  joined,
  type Legacy,
  legacyOf,
  marksOf,
  marksOfTheGone,
  mayBeBegun,
  NO_LEGACY,
  sameLegacy,
  textOf,
} from './legacy.ts'

/**
 * How far each flow's backlog may have been begun with. A message of the backlog looks the same in the journal whether it
 * ran or not, so an engine says on record how far it goes before it begins. Whoever takes over from one that died knows
 * by that which messages may have made a call that nobody remembers. It may give a partition back, or die, before it has
 * run them all: so what is inherited is kept on record with the partition, for whoever owns that next.
 */
export interface BegunMarks {
  /** Remembers that a flow's backlog may be begun with up to a place; resolves after the commit. */
  mark(flow: FlowNames, seq: number): Promise<void>
  /** Takes note of how far the engines had come that ran what is granted. */
  inherit(grants: readonly Grant[]): Promise<void>
  /** Puts that on record with the partitions; resolves after the commit. To be called before their death is forgotten. */
  keep(grants: readonly Grant[]): Promise<void>
  /** Forgets the marks of members that the journal has forgotten; resolves after the commit. */
  forget(members: () => Promise<readonly Pick<ClusterMember, 'member'>[]>): Promise<void>
  /** Whether an engine that died may have begun with a message that has nothing on record. */
  begunBefore(stored: Pick<StoredMessage, 'seq' | 'flow' | 'parent' | 'partition'>): boolean
}

/** What making marks takes. */
export interface BegunMarksOptions {
  readonly flows: readonly FlowNames[]
  readonly cursors: CursorReader
  readonly committer: Pick<Committer, 'cursor'>
  /** The number of this engine. */
  readonly member: number
}

/** Makes the marks of an engine. */
export function createBegunMarks({ flows, cursors, committer, member }: BegunMarksOptions): BegunMarks {
  const own = new Map<string, number>()
  const legacies = new Map<number, Legacy>()
  /** What the journal has of them. */
  const kept = new Map<number, Legacy>()
  const identities = new Map(flows.map((flow) => [flow.name, identityOf(flow)]))

  const write = (name: string, value: string | null): Promise<void> =>
    new Promise((resolve, reject) => committer.cursor({ name, value }, resolve, reject))

  const keptOf = async ({ partition }: Grant): Promise<Legacy> => {
    const text = await cursors.get(inheritedCursor(partition))
    return text === null ? NO_LEGACY : legacyOf(text)
  }

  return {
    mark(flow, seq) {
      const identity = identityOf(flow)
      const value = Math.max(seq, own.get(identity) ?? 0)
      own.set(identity, value)
      return write(begunCursor(identity, member), String(value))
    },
    async inherit(grants) {
      const marks = grants.some(({ died }) => died !== null)
        ? await cursors.list(begunCursor('', 0))
        : new Map()
      for (const grant of grants) {
        const { partition, died } = grant
        const before = await keptOf(grant)
        kept.set(partition, before)
        const left = died === null ? NO_LEGACY : { begun: marksOf(marks, died.member), upTo: died.upTo }
        legacies.set(partition, joined(before, left))
      }
    },
    async keep(grants) {
      const changed = grants.flatMap(({ partition }) => {
        const legacy = legacies.get(partition) ?? NO_LEGACY
        return sameLegacy(legacy, kept.get(partition) ?? NO_LEGACY) ? [] : [{ partition, legacy }]
      })
      await Promise.all(
        changed.map(({ partition, legacy }) => write(inheritedCursor(partition), textOf(legacy))),
      )
      for (const { partition, legacy } of changed) kept.set(partition, legacy)
    },
    async forget(members) {
      const marks = await cursors.list(begunCursor('', 0))
      // Not before: one that joined in between has marks already.
      const known = new Set((await members()).map(({ member: each }) => each))
      const gone = marksOfTheGone(marks, known)
      await Promise.all(gone.map((name) => write(name, null)))
    },
    begunBefore({ seq, flow, parent, partition }) {
      const legacy = legacies.get(partition)
      if (legacy === undefined) return false
      return mayBeBegun(legacy, { seq, isChild: parent !== null, identity: identities.get(flow) ?? flow })
    },
  }
}
