import type { StandardSchemaV1 } from '@standard-schema/spec'
import { configSchema, flag, text, withDefault } from '../config.ts'

/** What the project binds to a folder. */
export interface FolderConfig {
  readonly path: string
  readonly create?: boolean
}

/** A checked {@link FolderConfig}. */
export interface ReadFolderConfig {
  readonly path: string
  readonly create: boolean
}

export const folderConfig: StandardSchemaV1<unknown, ReadFolderConfig> = configSchema<ReadFolderConfig>({
  path: text,
  create: withDefault(flag, true),
})
