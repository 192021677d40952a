import type { CursorReader, Grant, StoredMessage } from '../journal/journal.ts'
import type { Committer } from './committer.ts'
import { type FlowNames, identityOf } from './former-names.ts'

/**
 * How far each flow's backlog may have been begun with. A message of the backlog looks the same in the journal whether it
 * ran or not, so an engine says on record how far it goes before it begins. Whoever takes over from one that died knows
 * by that which messages may have made a call that nobody remembers.
 */
export interface BegunMarks {
  /** Remembers that a flow's backlog may be begun with up to a place; resolves after the commit. */
  mark(flow: FlowNames, seq: number): Promise<void>
  /** Takes note of how far the engines had come that partitions are taken over from, and keeps it as its own. */
  inherit(grants: readonly Grant[]): Promise<void>
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

/** What an engine that died left of one partition. */
interface Legacy {
  /** By the present name of each flow. */
  readonly begun: ReadonlyMap<string, number>
  /** Children run as soon as they are made, so any of them may have been begun with. */
  readonly upTo: number
}

/** Makes the marks of an engine. */
export function createBegunMarks({ flows, cursors, committer, member }: BegunMarksOptions): BegunMarks {
  const own = new Map<string, number>()
  const legacies = new Map<number, Legacy>()

  const write = (flow: FlowNames, place: number): Promise<void> => {
    const value = Math.max(place, own.get(flow.name) ?? 0)
    own.set(flow.name, value)
    const change = { name: cursorOf(flow, member), value: String(value) }
    return new Promise((resolve, reject) => committer.cursor(change, resolve, reject))
  }

  const marksOf = async (of: number): Promise<ReadonlyMap<string, number>> =>
    new Map(
      await Promise.all(
        flows.map(async (flow) => [flow.name, Number((await cursors.get(cursorOf(flow, of))) ?? 0)] as const),
      ),
    )

  const keep = async (begun: ReadonlyMap<string, number>): Promise<void> => {
    const further = flows.filter(({ name }) => (begun.get(name) ?? 0) > (own.get(name) ?? 0))
    await Promise.all(further.map((flow) => write(flow, begun.get(flow.name) as number)))
  }

  return {
    mark: write,
    async inherit(grants) {
      const marks = new Map<number, ReadonlyMap<string, number>>()
      for (const { partition, died } of grants) {
        legacies.delete(partition)
        if (died === null) continue
        const begun = marks.get(died.member) ?? (await marksOf(died.member))
        marks.set(died.member, begun)
        legacies.set(partition, { begun, upTo: died.upTo })
      }
      // A sole owner's are under its own number already. To write them again would be a commit before recovery, whose
      // low-water mark is above what recovery has to find.
      for (const [flow, place] of marks.get(member) ?? []) own.set(flow, place)
      marks.delete(member)
      for (const begun of marks.values()) await keep(begun)
    },
    begunBefore({ seq, flow, parent, partition }) {
      const legacy = legacies.get(partition)
      if (legacy === undefined) return false
      return seq <= (parent ? legacy.upTo : (legacy.begun.get(flow) ?? 0))
    },
  }
}

/** The cursor that keeps the mark of a flow, under whatever name, on an engine. */
function cursorOf(flow: FlowNames, member: number): string {
  const name = `begun:${identityOf(flow)}`
  return member === 0 ? name : `${name}@${member}`
}
