import type { StandardSchemaV1 } from '@standard-schema/spec'
import { configSchema, flag, text, withDefault } from '../config.ts'
import type { ConnectorSpec } from '../connector.ts'

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

/** What the files connector says of itself: the options that the project binds. */
export const folderSpec: ConnectorSpec = {
  summary: 'A folder: records or whole files come in from it, lines are appended and files written to it.',
  stability: 'stable',
  options: [
    {
      name: 'path',
      type: 'string',
      summary: "The folder; relative paths start at the project's. Nothing outside it is touched.",
    },
    {
      name: 'create',
      type: 'boolean',
      default: 'true',
      summary: 'Whether it is made where it does not exist.',
    },
  ],
}

/** What the file sources say of themselves: the options of `ndjson`, `csv`, `lines` and `whole`. */
export const fileSourceSpec: ConnectorSpec = {
  summary: 'Records, lines or whole files of a folder, resumable at the record.',
  stability: 'stable',
  options: [
    {
      name: 'match',
      type: 'string | RegExp',
      default: '*',
      summary:
        'Which files, by name: `*` and `?` in a text, or an expression. Names that start with a dot only where it says so.',
    },
    {
      name: 'order',
      type: "'name' | 'modified'",
      default: 'name',
      summary: 'In which order files are read.',
    },
    {
      name: 'after',
      type: "'keep' | 'move' | 'delete'",
      default: 'keep',
      summary: 'What becomes of a file that was read to its end and has been quiet.',
    },
    {
      name: 'moveTo',
      type: 'string',
      default: 'done',
      summary: 'Where `move` puts it: a folder inside the connection’s.',
    },
    { name: 'every', type: 'Duration', default: '1s', summary: 'How often the folder is looked at.' },
    {
      name: 'quiet',
      type: 'Duration',
      default: '5s',
      summary:
        'How long a file must not change until its end is the end: for a last line without a line break, for `after`, and for whole files.',
    },
    {
      name: 'recordLimit',
      type: 'bytes',
      default: '1048576',
      summary: 'The most bytes of a record or whole file; a larger one is malformed.',
    },
    {
      name: 'batch',
      type: '1 … 10000',
      default: '500',
      summary: 'The most records that are accepted in one commit; a mebibyte of them is the most too.',
    },
    {
      name: 'schema',
      type: 'Standard Schema',
      summary: 'Checks and types each record; one that does not fit is malformed.',
    },
    {
      name: 'header',
      type: 'true | false | string[]',
      default: 'true',
      summary:
        '`csv`: the first record names the columns; there are no names and records are lists; or these are the names.',
    },
    { name: 'delimiter', type: 'one character', default: ',', summary: '`csv`: between fields.' },
    {
      name: 'quote',
      type: 'one character',
      default: '"',
      summary: '`csv`: around fields; doubled inside them.',
    },
    { name: 'as', type: "'text' | 'base64'", default: 'text', summary: '`whole`: how the content is given.' },
  ],
}
