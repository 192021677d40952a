import type { JournalEnvironment } from '../journal.ts'

/** What a journal is opened with. */
export interface StoreOptions {
  readonly url: () => Promise<string>
  /** Between quotes. */
  readonly schema: string
  readonly leaseMs: number
  /** Null: what the journal has. */
  readonly partitions: number | null
  readonly readers: number
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
  /** Null: unless there is a pooler. */
  readonly preparedStatements: boolean | null
  readonly volumeSize: number
  readonly environment: JournalEnvironment
}
