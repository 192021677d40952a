import { type Duration, durationMs } from '../../model/duration.ts'
import type { CallContext, Verdict } from '../connector.ts'
import type { Format } from '../format.ts'
import { entriesOf, infoOf } from './entry.ts'
import { BODY_FIELD, KEY_FIELD, MARK_FIELD, TRACE_FIELD } from './incoming.ts'
import type { Link } from './link.ts'
import type { RedisClient } from './redis-client.ts'
import { redisError } from './redis-error.ts'
import type { RedisArgument, RedisReply } from './redis-package.ts'
import { type CommandKind, unusable } from './run-commands.ts'

/** Where an entry came to lie. */
export interface Added {
  readonly stream: string
  readonly id: string
}

/** How much of a stream is kept. */
export type Trim =
  /** So many entries; `exact` counts each, which costs more than leaving some. */
  | { readonly maxLength: number; readonly exact?: boolean }
  /** Entries that were added within so long. */
  | { readonly maxAge: Duration; readonly exact?: boolean }

/** What an entry is made of. Functions get the input of the call and must be pure. */
export interface EntryOptions<In> {
  readonly stream: string | ((input: In) => string)
  /** Goes into the field `key`, by which `consume` keeps the order. @default no key */
  readonly key?: (input: In) => string | null
  /** Goes into the field `body`. @default the input */
  readonly body?: (input: In) => unknown
  /** How the body is written. @default json() */
  readonly format?: Format<never> | Format
  /** Beside `body` and `key`, or without a body instead of them: `body: null`. */
  readonly fields?: (input: In) => Readonly<Record<string, string | Uint8Array>>
  /** The entry's own id, as `1700000000000-0`: it must be above all ids of the stream. @default by the server's clock */
  readonly id?: (input: In) => string
  readonly trim?: Trim
  /** False refuses a stream that is not there. @default true */
  readonly create?: boolean
}

/** An {@link EntryOptions} with its defaults filled in. */
export interface ReadEntryOptions<In> extends EntryOptions<In> {
  readonly format: Format
  readonly create: boolean
}

const ID = /^\d{1,20}(?:-\d{1,20})?$/

/** Makes calls into `XADD`. */
export function adding<In>(options: ReadEntryOptions<In>, markForMs: number | null): CommandKind<In, Added> {
  return {
    writes: true,
    markForMs,
    what: (input) => `adding to "${streamOf(options, input)}"`,
    draft: (input, call, nowMs) => {
      const stream = streamOf(options, input)
      return {
        args: [
          'XADD',
          stream,
          ...trimOf(options, nowMs),
          idOf(options, input),
          ...fieldsOf(options, input, call),
        ],
      }
    },
    result: (reply, input) => {
      const stream = streamOf(options, input)
      if (reply === null || String(reply) === '')
        throw unusable(
          `adding to "${stream}"`,
          'there is no such stream, and the operation makes none (create: false)',
        )
      return { stream, id: String(reply) }
    },
    ...(options.id === undefined ? {} : { settle: settling(options) }),
  }
}

function streamOf<In>({ stream }: EntryOptions<In>, input: In): string {
  const name = typeof stream === 'function' ? stream(input) : stream
  if (typeof name === 'string' && name !== '') return name
  throw unusable('adding to a stream', `its name is ${JSON.stringify(name)}`)
}

function idOf<In>({ id, stream }: EntryOptions<In>, input: In): string {
  if (id === undefined) return '*'
  const given = id(input)
  if (typeof given === 'string' && ID.test(given)) return given
  throw unusable(
    `adding to "${String(stream)}"`,
    `the id ${JSON.stringify(given)} is none: it is milliseconds and a number, as "1700000000000-0"`,
  )
}

function trimOf<In>({ trim, create }: ReadEntryOptions<In>, nowMs: number): readonly string[] {
  const made = create ? [] : ['NOMKSTREAM']
  if (trim === undefined) return made
  const how = trim.exact === true ? '=' : '~'
  if ('maxLength' in trim) return [...made, 'MAXLEN', how, String(trim.maxLength)]
  return [...made, 'MINID', how, String(Math.max(0, nowMs - durationMs(trim.maxAge)))]
}

function fieldsOf<In>(options: ReadEntryOptions<In>, input: In, call: CallContext): readonly RedisArgument[] {
  const { key, body, format, fields } = options
  const own = key?.(input) ?? null
  const content = body === undefined ? input : body(input)
  const written: [string, RedisArgument][] = Object.entries(fields?.(input) ?? {}).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : Buffer.from(value),
  ])
  if (own !== null) written.push([KEY_FIELD, own])
  if (fields === undefined || body !== undefined)
    written.push([BODY_FIELD, Buffer.from(format.encode(content, { part: 'body' }))])
  written.push([MARK_FIELD, call.mark], [TRACE_FIELD, call.traceparent])
  return written.flat()
}

const TAKEN = /equal or smaller than the target stream top item/

/** An id that is taken is taken by us, where the entry has our mark. */
function settling<In>(options: EntryOptions<In>): NonNullable<CommandKind<In, Added>['settle']> {
  return async (link, error, input, call) => {
    if (!TAKEN.test(error.message)) return null
    const [stream, id] = [streamOf(options, input), idOf(options, input)]
    return (await hasMark(link, stream, id, id, call.mark)) === null
      ? null
      : { result: { stream, id: whole(id) } }
  }
}

const whole = (id: string): string => (id.includes('-') ? id : `${id}-0`)

const PAGE = 500
/** How far the clocks of the journal and of Redis may be apart. */
const CLOCKS_APART_MS = 600_000

/** Asks whether the call with this mark was added: reads what came since it was first made. */
export async function findAdded<In>(
  client: RedisClient,
  options: EntryOptions<In>,
  input: In,
  call: CallContext,
): Promise<Verdict<Added>> {
  const stream = streamOf(options, input)
  const own = options.id === undefined ? null : idOf(options, input)
  const from =
    own ?? (call.firstMadeAt === null ? '-' : `${Math.max(0, call.firstMadeAt - CLOCKS_APART_MS)}-0`)
  const link = await client.link()
  try {
    const id = await hasMark(link, stream, from, own ?? '+', call.mark)
    if (id !== null) return { state: 'done', result: { stream, id } }
    return { state: (await keepsAll(link, stream, from)) ? 'absent' : 'unknown' }
  } catch (error) {
    throw redisError(error, {
      what: `looking for an entry in "${stream}" at ${client.system}`,
      writes: false,
    })
  }
}

async function hasMark(
  link: Link,
  stream: string,
  from: string,
  to: string,
  mark: string,
): Promise<string | null> {
  for (let start = from; ; ) {
    const reply = await link.send(['XRANGE', stream, start, to, 'COUNT', String(PAGE)])
    const entries = entriesOf(stream, reply)
    for (const { id, fields } of entries)
      if (fields?.some(([name, value]) => name === MARK_FIELD && String(value) === mark)) return id
    const last = entries.at(-1)
    if (last === undefined || entries.length < PAGE) return null
    start = `(${last.id}`
  }
}

/** Whether all is there that was added since: neither was anything trimmed off, nor taken out. */
async function keepsAll(link: Link, stream: string, from: string): Promise<boolean> {
  const info = await infoIfThere(link, stream)
  if (info === null) return true
  if (Number(info.get('entries-added')) === Number(info.get('length'))) return true
  if (from === '-' || isBefore(from, String(info.get('max-deleted-entry-id')))) return false
  // Trimming takes from the beginning: while there is something older, nothing younger is gone.
  return entriesOf(stream, await link.send(['XRANGE', stream, '-', `(${from}`, 'COUNT', '1'])).length > 0
}

async function infoIfThere(link: Link, stream: string): Promise<ReadonlyMap<string, RedisReply> | null> {
  try {
    return infoOf(await link.send(['XINFO', 'STREAM', stream]))
  } catch (error) {
    if (error instanceof Error && /no such key/.test(error.message)) return null
    throw error
  }
}

/** Whether an entry has an id that is not above another. */
function isBefore(id: string, other: string): boolean {
  const [[ms, number], [otherMs, otherNumber]] = [partsOf(id), partsOf(other)]
  return ms < otherMs || (ms === otherMs && number <= otherNumber)
}

function partsOf(id: string): readonly [bigint, bigint] {
  const [ms = '0', number = '0'] = id.split('-')
  return [BigInt(ms), BigInt(number)]
}
