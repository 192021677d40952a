export { type Duration, durationMs } from '../model/duration.ts'
export {
  type Applied,
  type ErrorCode,
  type ErrorOptions,
  ensureError,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../model/errors.ts'
export type { ByKey, ByVerify, Guarantee, Natural, NoGuarantee } from '../model/guarantee.ts'
export type { Headers, Json } from '../model/message.ts'
export type { CancelTimer, Clock, Logger, Random } from '../model/outside.ts'
export { wait } from '../model/wait.ts'
export { acceptWhenRoom } from './accept.ts'
export { clientsOf, importClient, installCommand } from './clients.ts'
export {
  configSchema,
  duration,
  flag,
  object,
  oneOf,
  optional,
  type Reader,
  type Readers,
  text,
  texts,
  whole,
  withDefault,
} from './config.ts'
export type {
  BatchedCall,
  CallBatch,
  CallContext,
  CallOutcome,
  ClientSpec,
  ConnectEnvironment,
  ConnectionDeclaration,
  Connector,
  ConnectorSpec,
  Delivery,
  Incoming,
  Operation,
  OperationSpec,
  OptionSpec,
  RunningSource,
  SourceContext,
  SourceDeclaration,
  SourceLogDeclaration,
  SourceSpec,
  Verdict,
} from './connector.ts'
export { inHalves, isContentTooLarge } from './halves.ts'
export { type Look, type PolledPage, type PollOptions, pollSource } from './poll.ts'
export { operationsTable, optionsTable, sourcesTable, specPage } from './spec-tables.ts'
export { issuesText, typed } from './typed.ts'
