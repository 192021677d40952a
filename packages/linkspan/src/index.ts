export * from './connect/index.ts'
export { type CopiedJournal, type CopyJournalOptions, copyJournal } from './engine/copy-journal.ts'
export { createEngine, type MountableEngine } from './engine/create-engine.ts'
export { defineProject } from './engine/define-project.ts'
export { lookup } from './engine/lookup.ts'
export { type JournalReader, openReader } from './engine/open-reader.ts'
export { VERSION } from './engine/version.ts'
export * from './flow/index.ts'
export type {
  ClusterMember,
  ClusterPartition,
  ClusterSurvey,
  Journal,
  JournalEnvironment,
  JournalFactory,
} from './journal/journal.ts'
export { type PostgresOptions, postgres } from './journal/postgres/postgres.ts'
export { type SqliteOptions, sqlite } from './journal/sqlite/sqlite.ts'
export { formatDuration } from './model/duration.ts'
export { restoreError, type StoredError, storeError } from './model/errors.ts'
export * from './model/flow-definition.ts'
export * from './model/message.ts'
export { type MessageIdParts, parseMessageId } from './model/message-id.ts'
export type { Outside } from './model/outside.ts'
export type { Budget } from './model/budget.ts'
export * from './model/policy.ts'
export type * from './runtime/admin-api.ts'
export type * from './runtime/engine-api.ts'
export { env, isReference, secret } from './runtime/references.ts'
export * from './serve/index.ts'
