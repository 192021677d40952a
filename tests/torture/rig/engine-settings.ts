import type { Control } from './protections.ts'

/** What an engine under torture is told. */
export interface EngineSettings {
  readonly folder: string
  /** Which of the engines it is, from 0. */
  readonly nth: number
  readonly port: number
  readonly sinksPort: number
  /** The same sinks, for what they recognise by a key. */
  readonly keyedPort: number
  readonly adminToken: string
  /** The URL of a PostgreSQL; null keeps the journal in a file. */
  readonly database: string | null
  readonly leaseMs: number
  /** How far its wall clock is ahead of the machine's. */
  readonly clockMs: number
  readonly without: Control | null
}
