import type { Delivery } from '../connector.ts'
import type { Assignment, KafkaConsumer, KafkaRecord } from './kafka-package.ts'
import type { Commit } from './places.ts'

/**
 * How far the records of each partition have ended, where the group's place is all that remembers them: whatever order they
 * end in, a place is committed once all before it have ended.
 */
export interface Settling {
  /** Sees what is held now: what was lost is nobody's business here any more. */
  hold(assignments: readonly Assignment[]): void
  /** A record that is about to be handed in, in the order of its partition. */
  expect(record: KafkaRecord): Delivery
  /** All is lost: the member leaves. */
  close(): void
}

/** The records of a partition from when it was gained until it is lost. */
interface Term {
  isOver: boolean
  readonly open: { readonly commit: Commit; isSettled: boolean }[]
}

/** Begins with no partition. `commit` is called with each place that the group may come to. */
export function createSettling(
  consumer: Pick<KafkaConsumer, 'assignments'>,
  commit: (commits: readonly Commit[]) => void,
): Settling {
  const terms = new Map<string, Term>()
  const isHeld = heldBy(consumer)

  const advance = ({ open, isOver }: Term): void => {
    const settled = open.findIndex((each) => !each.isSettled)
    const ended = open.splice(0, settled < 0 ? open.length : settled)
    const last = ended.at(-1)
    if (last !== undefined && !isOver) commit([last.commit])
  }

  const end = (name: string, term: Term): void => {
    term.isOver = true
    terms.delete(name)
  }

  return {
    hold(assignments) {
      const held = namesOf(assignments)
      for (const [name, term] of terms) if (!held.has(name)) end(name, term)
    },
    expect({ topic, partition, offset, leaderEpoch }) {
      const name = nameOf(topic, partition)
      const term = terms.get(name) ?? { isOver: false, open: [] }
      terms.set(name, term)
      const expected = { commit: { topic, partition, offset: offset + 1n, leaderEpoch }, isSettled: false }
      term.open.push(expected)
      return {
        settled() {
          expected.isSettled = true
          if (term.open[0] === expected) advance(term)
        },
        isOurs: () => !term.isOver && isHeld(name),
      }
    },
    close() {
      for (const [name, term] of terms) end(name, term)
    },
  }
}

/** The group may be divided anew while the member waits for room, so it is asked each time. */
function heldBy(consumer: Pick<KafkaConsumer, 'assignments'>): (name: string) => boolean {
  let seen: readonly Assignment[] | null = null
  let names: ReadonlySet<string> = new Set()
  return (name) => {
    if (consumer.assignments !== seen) {
      seen = consumer.assignments
      names = namesOf(seen ?? [])
    }
    return names.has(name)
  }
}

function namesOf(assignments: readonly Assignment[]): ReadonlySet<string> {
  return new Set(
    assignments.flatMap(({ topic, partitions }) => partitions.map((each) => nameOf(topic, each))),
  )
}

function nameOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}
