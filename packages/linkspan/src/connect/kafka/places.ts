import type { Assignment, KafkaRecord, PartitionOffset } from './kafka-package.ts'

/** An offset to commit: the next one that is to be read. */
export type Commit = PartitionOffset & { readonly leaderEpoch: number }

/** Which partitions a member of a group holds, and how far each was handed in. */
export interface Places {
  /** Sees what is held now; answers the partitions that were not held before. Those that are lost are forgotten. */
  hold(assignments: readonly Assignment[]): readonly { readonly topic: string; readonly partition: number }[]
  /** The records of a batch that are to be handed in: of a partition held, and not handed in before. */
  fresh(records: readonly KafkaRecord[]): readonly KafkaRecord[]
  /** These were handed in. Answers where to go on, by partition. */
  passed(records: readonly KafkaRecord[]): readonly Commit[]
}

/**
 * Keeps the places of one member. When a group is divided anew, its members read on from what was committed, also in
 * partitions that they keep, and what was read ahead of others still comes: so what comes says nothing of what is new.
 */
export function createPlaces(): Places {
  /** The next offset to be handed in; -1 until the first one came. */
  let next = new Map<string, bigint>()

  return {
    hold(assignments) {
      const held = new Map<string, bigint>()
      const gained: { topic: string; partition: number }[] = []
      for (const { topic, partitions } of assignments)
        for (const partition of partitions) {
          const name = nameOf(topic, partition)
          const known = next.get(name)
          held.set(name, known ?? -1n)
          if (known === undefined) gained.push({ topic, partition })
        }
      next = held
      return gained
    },
    fresh(records) {
      const ahead = new Map<string, bigint>()
      return records.filter(({ topic, partition, offset }) => {
        const name = nameOf(topic, partition)
        const from = ahead.get(name) ?? next.get(name)
        if (from === undefined || offset < from) return false
        ahead.set(name, offset + 1n)
        return true
      })
    },
    passed(records) {
      const last = new Map<string, Commit>()
      for (const { topic, partition, offset, leaderEpoch } of records) {
        const name = nameOf(topic, partition)
        last.set(name, { topic, partition, offset: offset + 1n, leaderEpoch })
        if (next.has(name)) next.set(name, offset + 1n)
      }
      // What was lost meanwhile is another member's to commit.
      return [...last].filter(([name]) => next.has(name)).map(([, commit]) => commit)
    },
  }
}

function nameOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}
