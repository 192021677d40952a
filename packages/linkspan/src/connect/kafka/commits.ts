import type { KafkaConsumer } from './kafka-package.ts'
import type { Commit } from './places.ts'

/** Tells the group how far its messages are in the journal. */
export interface Commits {
  /** To be committed as soon as the last commit has ended; of a partition only the latest. */
  add(commits: readonly Commit[]): void
  /** Resolves when all that was added is committed, or a commit has failed. */
  rest(): Promise<void>
}

/** Commits in the background, one request at a time. `failed` hears of the first that fails; nothing is committed after it. */
export function createCommits(
  consumer: Pick<KafkaConsumer, 'commit'>,
  failed: (error: unknown) => void,
): Commits {
  const waiting = new Map<string, Commit>()
  let underWay: Promise<void> | null = null
  let broken = false

  const run = async (): Promise<void> => {
    while (waiting.size > 0 && !broken) {
      const offsets = [...waiting.values()]
      waiting.clear()
      try {
        await consumer.commit({ offsets })
      } catch (error) {
        broken = true
        failed(error)
      }
    }
    underWay = null
  }

  return {
    add(commits) {
      for (const commit of commits) waiting.set(`${commit.topic}:${commit.partition}`, commit)
      if (commits.length > 0) underWay ??= run()
    },
    async rest() {
      await underWay
    },
  }
}
