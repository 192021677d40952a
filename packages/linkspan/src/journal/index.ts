export {
  type Codec,
  ENVELOPE_HEADER,
  ENVELOPE_VERSION,
  type Opened as OpenedEnvelope,
  open,
  openJson,
  seal,
  sealJson,
} from './envelope.ts'
export type * from './journal.ts'
export { type PostgresOptions, postgres } from './postgres/postgres.ts'
export {
  type CommitFate,
  type SimulatedJournal,
  type SimulatedOptions,
  type SimulatedSnapshot,
  simulated,
} from './simulated/simulated.ts'
export { type SqliteOptions, sqlite } from './sqlite/sqlite.ts'
