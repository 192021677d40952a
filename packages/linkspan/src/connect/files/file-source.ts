import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { acceptWhenRoom } from '../accept.ts'
import type { Incoming, RunningSource, SourceContext } from '../connector.ts'
import { issuesText } from '../typed.ts'
import { wait } from '../../model/wait.ts'
import { finish } from './after.ts'
import type { FolderClient } from './folder-client.ts'
import type { Decoded, Format } from './format.ts'
import { excerpt, type MalformedRecord } from './malformed.ts'
import { type FilePosition, printOf, readPositions, writePositions } from './position.ts'
import { type RawRecord, readRecords } from './read-records.ts'
import { inOrder, listFiles, type SeenFile } from './scan.ts'
import { readWhole } from './whole.ts'

/** A file source with its options read. Times in milliseconds. */
export interface FileSourceSettings {
  readonly format: Format | { readonly name: 'whole'; readonly as: 'text' | 'base64' }
  readonly matches: (name: string) => boolean
  readonly order: 'name' | 'modified'
  readonly after: 'keep' | 'move' | 'delete'
  readonly moveTo: string
  readonly everyMs: number
  readonly quietMs: number
  readonly recordLimit: number
  readonly batch: number
  readonly schema: StandardSchemaV1 | null
}

/** What a running source holds. Of what was read, only the positions outlive it, in the journal. */
interface Reading {
  readonly settings: FileSourceSettings
  readonly context: SourceContext
  readonly client: FolderClient
  readonly signal: AbortSignal
  readonly positions: Map<string, FilePosition>
  /** Files whose position is ahead of the journal's: by bytes that are no record. */
  readonly uncommitted: Set<string>
  /** When each file was first seen as it is now, by the monotonic clock. */
  readonly stillSince: Map<
    string,
    { readonly size: number; readonly modified: number; readonly since: number }
  >
  /** Files that could not be read or moved: each is told once. */
  readonly complained: Set<string>
}

const BATCH_BYTES = 1024 * 1024

/** Starts reading: looks at the folder, reads what is new, waits, and so on until it must stop. */
export async function startFileSource(
  settings: FileSourceSettings,
  context: SourceContext,
): Promise<RunningSource> {
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const client = (await context.client()) as FolderClient
  const positions = readPositions(await context.cursor())
  const reading: Reading = {
    settings,
    context,
    client,
    signal,
    positions,
    uncommitted: new Set(),
    stillSince: new Map(),
    complained: new Set(),
  }
  const ended = run(reading).catch(context.failed)
  return {
    stop: async () => {
      end.abort()
      await ended
    },
  }
}

async function run(reading: Reading): Promise<void> {
  const { context, settings, signal } = reading
  do {
    await lookOnce(reading)
  } while (await wait(context.clock, settings.everyMs, signal))
}

async function lookOnce(reading: Reading): Promise<void> {
  const { client, positions, settings, signal } = reading
  const files = await listFiles(client.root).catch((error: unknown) => {
    complain(reading, '', error)
    return null
  })
  if (files === null) return
  forget(reading, files)
  // A file that was renamed while it was being read, as logs are, is read to its end under its new name.
  const wanted = files.filter(
    ({ id, name, size }) => settings.matches(name) || (positions.get(id)?.offset ?? size) < size,
  )
  for (const file of inOrder(wanted, settings.order)) {
    if (signal.aborted) return
    try {
      await visit(reading, file)
      reading.complained.delete(file.name)
    } catch (error) {
      if (!isFileTrouble(error)) throw error
      complain(reading, file.name, error)
    }
  }
}

/** An empty listing forgets nothing: it is what a folder looks like whose disk is not mounted. */
function forget({ positions, stillSince }: Reading, files: readonly SeenFile[]): void {
  if (files.length === 0) return
  const present = new Set(files.map(({ id }) => id))
  for (const map of [positions, stillSince]) {
    for (const id of map.keys()) if (!present.has(id)) map.delete(id)
  }
}

/** System errors have a call and belong to one file; anything else ends the source. */
function isFileTrouble(error: unknown): boolean {
  return typeof (error as { syscall?: unknown } | null)?.syscall === 'string'
}

function complain({ complained, context }: Reading, name: string, error: unknown): void {
  if (complained.has(name)) return
  complained.add(name)
  context.logger.log('warn', 'files.trouble', { file: name, reason: messageOf(error) })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function visit(reading: Reading, file: SeenFile): Promise<void> {
  const { client, positions, settings } = reading
  const quiet = isQuiet(reading, file)
  const known = positions.get(file.id)
  if (!isSettled(known, file, settings) || (quiet.changed && known !== undefined)) {
    const handle = await open(join(client.root, file.name), 'r')
    try {
      await readFile(reading, file, handle, quiet.long)
    } finally {
      await handle.close()
    }
  }
  if (quiet.long && settings.after !== 'keep' && isSettled(positions.get(file.id), file, settings)) {
    await finishFile(reading, file)
  }
}

/** Whether all that is there of a file has been handed in. */
function isSettled(known: FilePosition | undefined, file: SeenFile, { format }: FileSourceSettings): boolean {
  if (known === undefined) return false
  return format.name === 'whole'
    ? known.modified === file.modified && known.offset === file.size
    : known.offset === file.size
}

function isQuiet(
  { stillSince, context, settings }: Reading,
  { id, size, modified }: SeenFile,
): { long: boolean; changed: boolean } {
  const now = context.clock.monotonic()
  const before = stillSince.get(id)
  if (before?.size === size && before.modified === modified)
    return { long: now - before.since >= settings.quietMs, changed: false }
  stillSince.set(id, { size, modified, since: now })
  return { long: settings.quietMs === 0, changed: true }
}

async function readFile(reading: Reading, file: SeenFile, handle: FileHandle, final: boolean): Promise<void> {
  const { positions, settings } = reading
  const known = positions.get(file.id)
  if (settings.format.name === 'whole') {
    if (final && !isSettled(known, file, settings)) await handInWhole(reading, file, handle)
    return
  }
  const position = known === undefined ? fresh(file) : await confirmed(reading, file, handle, known)
  const opening = await readOpening(handle, settings.format, settings.recordLimit, file.size, final)
  if (opening === null) return
  const from = Math.max(position.offset, opening.offset)
  const span = { from, to: file.size, final, recordLimit: settings.recordLimit }
  let at: FilePosition = { ...position, name: file.name, offset: from }
  for await (const records of readRecords(handle, settings.format.split, span)) {
    for (const batch of inBatches(records, settings.batch)) {
      const next = await handIn(reading, file, handle, at, batch, opening.header)
      if (next === null) return
      at = next
    }
  }
  if (!final || positions.get(file.id)?.offset === file.size) return
  // What is left over are empty lines, a header or nothing: it is known as read, and committed with what comes next.
  positions.set(file.id, { ...at, offset: file.size, print: await printOf(handle, file.size) })
  reading.uncommitted.add(file.id)
}

function fresh(file: SeenFile): FilePosition {
  return { name: file.name, offset: 0, record: 0, print: '' }
}

/** The known position, or the beginning when the file was truncated or is another one now. */
async function confirmed(
  { context }: Reading,
  file: SeenFile,
  handle: FileHandle,
  known: FilePosition,
): Promise<FilePosition> {
  const same = file.size >= known.offset && (await printOf(handle, known.offset)) === known.print
  if (same) return known
  const event = file.size < known.offset ? 'files.truncated' : 'files.replaced'
  context.logger.log('info', event, { file: file.name, offset: known.offset, size: file.size })
  return fresh(file)
}

/** What stands before the records: a byte order mark and, for CSV, the header. Null when it is not complete yet. */
async function readOpening(
  handle: FileHandle,
  format: Format,
  recordLimit: number,
  size: number,
  final: boolean,
): Promise<{ readonly offset: number; readonly header: Buffer | null } | null> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(3), 0, 3, 0)
  const mark = bytesRead === 3 && buffer.equals(BYTE_ORDER_MARK) ? 3 : 0
  if (!format.header) return { offset: mark, header: null }
  const span = { from: mark, to: size, final, recordLimit }
  for await (const [first] of readRecords(handle, format.split, span)) {
    if (first !== undefined) return { offset: first.next, header: first.bytes }
  }
  return final ? { offset: size, header: null } : null
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

function inBatches(records: readonly RawRecord[], most: number): readonly (readonly RawRecord[])[] {
  const batches: RawRecord[][] = []
  let bytes = 0
  for (const record of records) {
    const last = batches.at(-1)
    if (last === undefined || last.length >= most || bytes + record.bytes.length > BATCH_BYTES) {
      batches.push([record])
      bytes = record.bytes.length
    } else {
      last.push(record)
      bytes += record.bytes.length
    }
  }
  return batches
}

/** Hands a batch in, with the position after it in the same commit. Null when the source must stop. */
async function handIn(
  reading: Reading,
  file: SeenFile,
  handle: FileHandle,
  at: FilePosition,
  batch: readonly RawRecord[],
  header: Buffer | null,
): Promise<FilePosition | null> {
  const { settings, positions } = reading
  const decoded = (settings.format as Format).decode(batch, header)
  const messages: Incoming[] = []
  for (const [index, raw] of batch.entries()) {
    const record = at.record + index + 1
    const checked = await check(settings.schema, decoded[index] as Decoded)
    messages.push(
      message(
        file.name,
        record,
        'value' in checked ? checked.value : broken(file.name, record, raw, checked.problem),
      ),
    )
  }
  const offset = (batch.at(-1) as RawRecord).next
  const next: FilePosition = {
    ...at,
    offset,
    record: at.record + batch.length,
    print: await printOf(handle, offset),
  }
  return (await commit(reading, file, next, messages)) ? (positions.get(file.id) as FilePosition) : null
}

async function check(schema: StandardSchemaV1 | null, decoded: Decoded): Promise<Decoded> {
  if (schema === null || !('value' in decoded)) return decoded
  const validated = schema['~standard'].validate(decoded.value)
  const result = validated instanceof Promise ? await validated : validated
  return result.issues
    ? { problem: `does not fit its schema: ${issuesText(result.issues)}` }
    : { value: result.value }
}

function broken(file: string, record: number, raw: RawRecord, problem: string): MalformedRecord {
  return { malformedRecord: problem, text: excerpt(raw.bytes), file, record, offset: raw.offset }
}

function message(file: string, record: number, body: unknown): Incoming {
  return { body, headers: { 'file-name': file, 'file-record': String(record) } }
}

async function commit(
  reading: Reading,
  { id }: SeenFile,
  next: FilePosition,
  messages: readonly Incoming[],
): Promise<boolean> {
  const { context, signal, positions } = reading
  const after = new Map(positions).set(id, next)
  if (!(await acceptWhenRoom(context, signal, messages, writePositions(after)))) return false
  positions.set(id, next)
  reading.uncommitted.clear()
  return true
}

async function handInWhole(reading: Reading, file: SeenFile, handle: FileHandle): Promise<void> {
  const { settings, positions } = reading
  const { as } = settings.format as { readonly as: 'text' | 'base64' }
  const record = (positions.get(file.id)?.record ?? 0) + 1
  const read = await readWhole(handle, file, as, settings.recordLimit)
  const checked = await check(settings.schema, read.decoded)
  const raw: RawRecord = { bytes: read.beginning, offset: 0, next: file.size }
  const body = 'value' in checked ? checked.value : broken(file.name, record, raw, checked.problem)
  const print = await printOf(handle, file.size)
  const next = { name: file.name, offset: file.size, record, print, modified: file.modified }
  await commit(reading, file, next, [message(file.name, record, body)])
}

/** Moves or deletes a file that is done, and only then forgets it: a crash in between leaves it known as read. */
async function finishFile(reading: Reading, file: SeenFile): Promise<void> {
  const { client, settings, positions, stillSince, context, signal } = reading
  const done = positions.get(file.id) as FilePosition
  if (reading.uncommitted.has(file.id) && !(await commit(reading, file, done, []))) return
  if (!(await finish(client, file, settings))) return
  const without = new Map(positions)
  without.delete(file.id)
  if (!(await acceptWhenRoom(context, signal, [], writePositions(without)))) return
  positions.delete(file.id)
  stillSince.delete(file.id)
}
