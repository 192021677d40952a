import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import { type Format, Undecodable } from '../format.ts'
import type { RedisArgument, RedisReply } from './redis-package.ts'
import { type CommandKind, unusable } from './run-commands.ts'

/** What all operations on a key say. Functions get the input of the call and must be pure. */
export interface KeyOptions<In> {
  readonly key: string | ((input: In) => string)
}

/** Options of {@link Redis.set} beside its name. */
export interface ValueOptions<In> extends KeyOptions<In> {
  /** @default the input */
  readonly value?: (input: In) => unknown
  /** @default json() */
  readonly format?: Format<never> | Format
  /** How long Redis keeps it. @default for good */
  readonly ttl?: Duration
  /** Only where the key is not there yet, or only where it is. @default in any case */
  readonly only?: 'absent' | 'present'
}

/** What became of a `set`. */
export interface WasSet {
  /** False where `only` did not hold. */
  readonly set: boolean
}

export const setting = <In>(
  options: ValueOptions<In>,
  format: Format,
  markForMs: number | null,
): CommandKind<In, WasSet> => ({
  writes: true,
  markForMs,
  what: (input) => `setting "${keyOf(options, input)}"`,
  draft: (input) => {
    const { value, ttl, only } = options
    const content = value === undefined ? input : value(input)
    const bytes = Buffer.from(format.encode(content, { part: 'value' }))
    const rest: readonly RedisArgument[] = [
      ...(ttl === undefined ? [] : ['PX', String(durationMs(ttl))]),
      ...(only === undefined ? [] : [only === 'absent' ? 'NX' : 'XX']),
    ]
    return { args: ['SET', keyOf(options, input), bytes, ...rest] }
  },
  result: (reply) => ({ set: String(reply ?? '') === 'OK' }),
})

export const getting = <In>(options: KeyOptions<In>, format: Format): CommandKind<In, unknown> => ({
  writes: false,
  markForMs: null,
  what: (input) => `getting "${keyOf(options, input)}"`,
  draft: (input) => ({ args: ['GET', keyOf(options, input)] }),
  result: (reply, input) => {
    if (reply === null) return null
    try {
      return format.decode(reply as Buffer)
    } catch (error) {
      if (!(error instanceof Undecodable)) throw error
      throw new LinkspanError(
        'CALL_REPLY_INVALID',
        `Redis: what "${keyOf(options, input)}" holds cannot be read as ${format.name}: ${error.message}.`,
        { retry: 'never', applied: 'no' },
      )
    }
  },
})

export const deleting = <In>(options: KeyOptions<In>): CommandKind<In, undefined> => ({
  writes: true,
  markForMs: null,
  what: (input) => `deleting "${keyOf(options, input)}"`,
  draft: (input) => ({ args: ['DEL', keyOf(options, input)] }),
  // How many it were is not the same when it is done again.
  result: () => undefined,
})

/** What became of a `publish`. */
export interface Published {
  /** How many clients were listening at that server just then. */
  readonly receivers: number
}

/** Options of {@link Redis.publish} beside its name and guarantee. */
export interface ChannelOptions<In> {
  readonly channel: string | ((input: In) => string)
  /** @default the input */
  readonly body?: (input: In) => unknown
  /** @default json() */
  readonly format?: Format<never> | Format
}

export const publishing = <In>(options: ChannelOptions<In>, format: Format): CommandKind<In, Published> => ({
  writes: true,
  markForMs: null,
  what: (input) => `publishing to "${channelOf(options, input)}"`,
  draft: (input) => {
    const content = options.body === undefined ? input : options.body(input)
    return {
      args: ['PUBLISH', channelOf(options, input), Buffer.from(format.encode(content, { part: 'body' }))],
    }
  },
  result: (reply: RedisReply) => ({ receivers: Number(reply) }),
})

function keyOf<In>({ key }: KeyOptions<In>, input: In): string {
  return named('a key', typeof key === 'function' ? key(input) : key)
}

function channelOf<In>({ channel }: ChannelOptions<In>, input: In): string {
  return named('a channel', typeof channel === 'function' ? channel(input) : channel)
}

function named(what: string, name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  throw unusable(`what is asked of ${what}`, `its name is ${JSON.stringify(name)}`)
}
