import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { ByVerify, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { Json } from '../../model/message.ts'
import type {
  CallContext,
  ConnectionDeclaration,
  Connector,
  Operation,
  SourceDeclaration,
} from '../connector.ts'
import { type Appended, appendLine, findLine, type LineToAppend } from './append.ts'
import { type FileSourceSettings, startFileSource } from './file-source.ts'
import { type FolderClient, folderClient } from './folder-client.ts'
import { folderConfig, type ReadFolderConfig } from './folder-config.ts'
import { type CsvFormatOptions, csv, lines, ndjson } from './format.ts'
import type { MalformedRecord } from './malformed.ts'
import { matcher } from './match.ts'
import { filesSpec } from './spec.ts'
import type { WholeFile } from './whole.ts'
import { type Written, writeWhole } from './write.ts'

/** Options of every file source. */
export interface FileSourceOptions {
  /** Which files, by name: `*` and `?` in a text, or an expression. @default '*' */
  readonly match?: string | RegExp
  /** @default 'name' */
  readonly order?: 'name' | 'modified'
  /** What becomes of a file that was read to its end and has been quiet. @default 'keep' */
  readonly after?: 'keep' | 'move' | 'delete'
  /** Where `move` puts it: a folder inside the connection's. @default 'done' */
  readonly moveTo?: string
  /** How often the folder is looked at. @default '1s' */
  readonly every?: Duration
  /** How long a file must not change until its end is the end. @default '5s' */
  readonly quiet?: Duration
  /** The most bytes of a record or whole file; a larger one is malformed. @default 1 MiB */
  readonly recordLimit?: number
  /** The most records that are accepted in one commit. @default 500 */
  readonly batch?: number
}

/** Options of a file source whose records can be checked. */
export interface RecordOptions<T> extends FileSourceOptions {
  /** Checks and types each record; one that does not fit is malformed. */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** Options of {@link Folder.csv}. Without a schema, records are texts by column, or lists of texts without a header. */
export interface CsvOptions<T> extends RecordOptions<T>, CsvFormatOptions {}

/** Options of {@link Folder.whole}. */
export interface WholeOptions extends FileSourceOptions {
  /** @default 'text' */
  readonly as?: 'text' | 'base64'
}

/** Options of {@link Folder.append}. Functions get the input and the call's mark and must be pure. */
export interface AppendOptions<In, G extends AppendGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  /** Inside the folder; folders on the way are made. */
  readonly file: string | ((input: In, call: CallMark) => string)
  /** The line, without its line break. @default the input as JSON; with `verify`, of an object, with its mark as `_mark` */
  readonly line?: (input: In, call: CallMark) => string
  /** `verify`: each line carries the mark of its call and is looked for. `none`: it is not. */
  readonly guarantee: G
}

/** What repeated appending can be: there is no third thing, since a file refuses no line. */
export type AppendGuarantee = ByVerify | NoGuarantee

/** Options of {@link Folder.write}. */
export interface WriteOptions<In> {
  /** Unique within the connection. */
  readonly name: string
  /** Inside the folder; folders on the way are made. */
  readonly file: string | ((input: In) => string)
  /** @default the input as JSON */
  readonly content?: (input: In) => string | Uint8Array
}

export type CallMark = Pick<CallContext, 'mark' | 'messageId'>

/** A connection to a folder, with its sources and the makers of its operations. */
export interface Folder extends ConnectionDeclaration<ReadFolderConfig, FolderClient> {
  /** One JSON value per line. */
  ndjson<T = Json>(options?: RecordOptions<T>): SourceDeclaration<T | MalformedRecord>
  /** Comma-separated values (RFC 4180). */
  csv<T = Readonly<Record<string, string>>>(options?: CsvOptions<T>): SourceDeclaration<T | MalformedRecord>
  /** Lines of text; empty ones are left out. */
  lines(options?: FileSourceOptions): SourceDeclaration<string | MalformedRecord>
  /** Whole files, once they are quiet; one that changes later is handed in again. */
  whole(options?: WholeOptions): SourceDeclaration<WholeFile | MalformedRecord>
  /** Adds a line at the end of a file, synced. */
  append<In = unknown, const G extends AppendGuarantee = AppendGuarantee>(
    options: AppendOptions<In, G>,
  ): Operation<In, Appended, G extends ByVerify ? ByVerify : NoGuarantee>
  /** Writes a whole file, atomically and synced. */
  write<In = unknown>(options: WriteOptions<In>): Operation<In, Written, Natural>
}

/** The files connector: what is the same for all folders. */
export const filesConnector: Connector<ReadFolderConfig, FolderClient> = {
  name: 'files',
  spec: filesSpec,
  config: folderConfig,
  connect: folderClient,
}

/**
 * A folder; the project binds its `path` under this name. Its sources read files record by record and go on after a
 * crash at the record where they were; its operations append lines and write whole files. Nothing outside the folder
 * is touched.
 *
 * @example
 * ```ts
 * import { folder, typed, wellFormed } from 'linkspan/files'
 * const inbox = folder('inbox')
 * const orders = inbox.csv({ match: 'orders-*.csv', after: 'move', schema: typed<{ id: string; amount: string }>() })
 * const ledger = inbox.append({
 *   name: 'ledger',
 *   file: 'out/ledger.ndjson',
 *   line: (input: { id: string }, { mark }) => JSON.stringify({ ...input, mark }),
 *   guarantee: { kind: 'verify', settleAfter: 0 },
 * })
 * ```
 */
export function folder(name: string): Folder {
  const connection: ConnectionDeclaration<ReadFolderConfig, FolderClient> = {
    name,
    connector: filesConnector,
  }
  const made: Omit<Folder, keyof typeof connection> = {
    ndjson: (options = {}) => source(connection, options, ndjson),
    csv: (options = {}) => source(connection, options, csv(options)),
    lines: (options = {}) => source(connection, options, lines),
    whole: (options = {}) => source(connection, options, { name: 'whole', as: options.as ?? 'text' }),
    append: (options) => append(connection, options) as never,
    write: (options) => write(connection, options),
  }
  return Object.assign(connection, made)
}

function source<T>(
  connection: ConnectionDeclaration,
  options: RecordOptions<T> & Partial<CsvFormatOptions>,
  format: FileSourceSettings['format'],
): SourceDeclaration<T | MalformedRecord> {
  const settings = settingsOf(options as RecordOptions<unknown>, format)
  const { header, delimiter, quote } = options
  const match = options.match ?? '*'
  return {
    kind: 'stream',
    connector: 'files',
    name: `${format.name} ${connection.name}/${String(match)}`,
    options: {
      format: format.name,
      match: String(match),
      order: settings.order,
      after: settings.after,
      ...(settings.after === 'move' ? { moveTo: settings.moveTo } : {}),
      everyMs: settings.everyMs,
      quietMs: settings.quietMs,
      recordLimit: settings.recordLimit,
      batch: settings.batch,
      ...(format.name === 'csv'
        ? { header: header ?? true, delimiter: delimiter ?? ',', quote: quote ?? '"' }
        : {}),
      ...('as' in format ? { as: format.as } : {}),
    },
    connection,
    start: (context) => startFileSource(settings, context),
  }
}

function settingsOf(
  options: RecordOptions<unknown>,
  format: FileSourceSettings['format'],
): FileSourceSettings {
  const { order = 'name', after = 'keep', recordLimit = 1024 * 1024, batch = 500, moveTo = 'done' } = options
  check(['name', 'modified'].includes(order), `order: "${order}" is not known. Use "name" or "modified".`)
  check(
    ['keep', 'move', 'delete'].includes(after),
    `after: "${after}" is not known. Use "keep", "move" or "delete".`,
  )
  check(
    Number.isInteger(recordLimit) && recordLimit > 0,
    `recordLimit: ${recordLimit} is no number of bytes above 0.`,
  )
  check(
    Number.isInteger(batch) && batch >= 1 && batch <= 10_000,
    `batch: ${batch} is no whole number from 1 to 10000.`,
  )
  check(isBelow(moveTo), `moveTo: "${moveTo}" is no folder inside the connection's.`)
  const everyMs = durationMs(options.every ?? '1s')
  check(everyMs >= 10, `every: ${everyMs} ms is a busy loop. Use at least 10 ms.`)
  return {
    format,
    matches: matcher(options.match ?? '*'),
    order,
    after,
    moveTo,
    everyMs,
    quietMs: durationMs(options.quiet ?? '5s'),
    recordLimit,
    batch,
    schema: options.schema ?? null,
  }
}

function isBelow(path: string): boolean {
  return (
    path !== '' &&
    !/^(?:[/\\]|[a-zA-Z]:)/.test(path) &&
    !path.split(/[/\\]/).some((part) => part === '..' || part === '.')
  )
}

function check(holds: boolean, problem: string): void {
  if (!holds) throw new LinkspanError('CONFIG_INVALID', `A file source cannot be made as written: ${problem}`)
}

function append<In>(
  connection: ConnectionDeclaration,
  options: AppendOptions<In, AppendGuarantee>,
): Operation<In, Appended, AppendGuarantee> {
  const { name, guarantee } = options
  const verified = guarantee.kind === 'verify'
  if (verified) durationMs(guarantee.settleAfter)
  const lineOf = (input: In, call: CallContext): LineToAppend => ({
    file: typeof options.file === 'string' ? options.file : options.file(input, call),
    line:
      options.line === undefined ? jsonLine(input, verified ? call.mark : null) : options.line(input, call),
    mark: verified ? call.mark : null,
  })
  return {
    connection,
    name,
    guarantee,
    run: async (client, input, call) => appendLine(client as FolderClient, lineOf(input, call), call),
    ...(verified
      ? { verify: async (client, input, call) => findLine(client as FolderClient, lineOf(input, call)) }
      : {}),
  }
}

function jsonLine(input: unknown, mark: string | null): string {
  if (mark === null) return JSON.stringify(input) ?? 'null'
  if (typeof input === 'object' && input !== null && !Array.isArray(input))
    return JSON.stringify({ ...input, _mark: mark })
  throw new LinkspanError(
    'CALL_REJECTED',
    'Only an object can carry its mark as "_mark". State `line`, and write call.mark into it.',
  )
}

function write<In>(
  connection: ConnectionDeclaration,
  options: WriteOptions<In>,
): Operation<In, Written, Natural> {
  const { file, content } = options
  return {
    connection,
    name: options.name,
    guarantee: { kind: 'natural' },
    run: async (client, input, call) => {
      const name = typeof file === 'string' ? file : file(input)
      return writeWhole(
        client as FolderClient,
        name,
        content === undefined ? JSON.stringify(input) : content(input),
        call,
      )
    },
  }
}
