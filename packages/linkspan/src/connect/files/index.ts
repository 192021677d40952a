export { typed } from '../typed.ts'
export type { Appended } from './append.ts'
export {
  type AppendGuarantee,
  type AppendOptions,
  type CsvOptions,
  type FileSourceOptions,
  type Folder,
  filesConnector,
  folder,
  type RecordOptions,
  type WholeOptions,
  type WriteOptions,
} from './folder.ts'
export type { FolderClient } from './folder-client.ts'
export type { FolderConfig } from './folder-config.ts'
export { isMalformed, type MalformedRecord, wellFormed } from './malformed.ts'
export { filesSpec } from './spec.ts'
export type { WholeFile } from './whole.ts'
export type { Written } from './write.ts'
