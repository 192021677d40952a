import { createHash } from 'node:crypto'

/** What happened in one run, line by line, and its digest: two runs with the same digest did the same. */
export interface Story {
  /** Puts a line down with its time. What a line says must follow from the seed alone. */
  tell(line: string): void
  readonly lines: readonly string[]
  /** What comes now is no part of it. */
  end(): void
  /** Of all lines so far. */
  digest(): string
}

/** Makes an empty story; `elapsed` answers milliseconds since the run began. */
export function createStory(elapsed: () => number): Story {
  // Few stories are ever read: the lines are made when somebody does.
  const told: { readonly at: number; readonly line: string }[] = []
  let isOver = false
  const lines = (): readonly string[] => told.map(({ at, line }) => `${timeOf(at)}  ${line}`)
  return {
    get lines() {
      return lines()
    },
    tell(line) {
      if (!isOver) told.push({ at: elapsed(), line })
    },
    end() {
      isOver = true
    },
    digest: () => createHash('sha256').update(lines().join('\n')).digest('hex').slice(0, 16),
  }
}

function timeOf(ms: number): string {
  return `+${(ms / 1_000).toFixed(3)}s`.padStart(12)
}
