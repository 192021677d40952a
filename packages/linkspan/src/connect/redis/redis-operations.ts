import { type Duration, durationMs } from '../../model/duration.ts'
import type { ByKey, ByVerify, Guarantee, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { ConnectionDeclaration, Operation } from '../connector.ts'
import { type Format, json } from '../format.ts'
import { unlessGivenUp } from '../unless-given-up.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import { type Added, adding, type EntryOptions, findAdded } from './add.ts'
import type { RedisClient } from './redis-client.ts'
import { type CommandKind, runCommands } from './run-commands.ts'
import {
  type ChannelOptions,
  deleting,
  getting,
  type KeyOptions,
  type Published,
  publishing,
  setting,
  type ValueOptions,
  type WasSet,
} from './values.ts'

/**
 * What adding an entry again does.
 *
 * - `key`: Redis remembers the mark of each call for `validFor`, in the moment in which it adds the entry: one that is made
 *   again adds nothing and answers the same.
 * - `verify`: whether it was added is found out by reading the stream: the entry carries the mark of its call.
 * - `natural`: a second one is harmless, as where those who read know an entry by its mark.
 * - `none`: neither. After an unknown outcome the call is in doubt, or made again with `onUnknown: 'atLeastOnce'`.
 */
export type AddGuarantee = 'key' | 'verify' | 'natural' | 'none'

/** The guarantee that an operation declares by {@link AddGuarantee}. */
export type Declared<G extends AddGuarantee> = G extends 'key'
  ? ByKey
  : G extends 'verify'
    ? ByVerify
    : G extends 'natural'
      ? Natural
      : NoGuarantee

/** What every operation says. */
export interface NamedOptions {
  /** Unique within the connection. */
  readonly name: string
  /** The most calls that are sent together. @default 500 */
  readonly batch?: number
  /** @default '45s' */
  readonly timeout?: Duration
}

/** Options of {@link Redis.add}. */
export interface AddOptions<In, G extends AddGuarantee> extends NamedOptions, EntryOptions<In> {
  readonly guarantee: G
  /** For `key`: how long the mark of a call is kept. @default '1h' */
  readonly validFor?: Duration
}

/** Options of {@link Redis.set}. */
export interface SetOptions<In> extends NamedOptions, ValueOptions<In> {
  /** With `only`: how long the mark of a call is kept. @default '1h' */
  readonly validFor?: Duration
}

/** Options of {@link Redis.get}. */
export interface GetOptions<In> extends NamedOptions, KeyOptions<In> {
  /** @default json() */
  readonly format?: Format
}

/** Options of {@link Redis.publish}. */
export interface PublishOptions<In, G extends 'natural' | 'none'> extends NamedOptions, ChannelOptions<In> {
  readonly guarantee: G
}

/** Longer than an answer is waited for, so that the connection is the one to say what became of a call. */
const TIMEOUT: Duration = '45s'
const VALID_FOR: Duration = '1h'
/** A command that a server got from a process that has died is carried out when it is read. */
const SETTLE_AFTER: Duration = '30s'
const ADD_GUARANTEES: readonly AddGuarantee[] = ['key', 'verify', 'natural', 'none']

export function addOperation<In>(
  connection: ConnectionDeclaration,
  options: AddOptions<In, AddGuarantee>,
): Operation<In, Added> {
  const { guarantee, validFor = VALID_FOR, format = json(), create = true, trim } = options
  among(connection, options.name, guarantee, ADD_GUARANTEES)
  if (trim !== undefined && 'maxLength' in trim && !(Number.isInteger(trim.maxLength) && trim.maxLength > 0))
    throw invalidOperation(
      connection.name,
      options.name,
      `trims to ${trim.maxLength} entries; give a whole number from 1`,
    )
  const entry = { ...options, format: format as Format, create }
  const kind = adding(entry, guarantee === 'key' ? durationMs(validFor) : null)
  const made = operation(connection, options, addGuarantee(guarantee, validFor), kind)
  if (guarantee !== 'key' && guarantee !== 'verify') return made
  return { ...made, verify: (client, input, call) => findAdded(client as RedisClient, entry, input, call) }
}

function addGuarantee(guarantee: AddGuarantee, validFor: Duration): Guarantee {
  if (guarantee === 'key') return { kind: 'key', validFor }
  return guarantee === 'verify' ? { kind: 'verify', settleAfter: SETTLE_AFTER } : { kind: guarantee }
}

/** Setting a value again sets the same; whether it was there before is another matter, and takes a mark. */
export function setOperation<In>(
  connection: ConnectionDeclaration,
  options: SetOptions<In>,
): Operation<In, WasSet> {
  const { only, format = json(), validFor = VALID_FOR, ttl } = options
  if (only !== undefined) among(connection, options.name, only, ['absent', 'present'], 'only')
  if (ttl !== undefined && durationMs(ttl) < 1)
    throw invalidOperation(connection.name, options.name, 'has a ttl of nothing; give at least 1 ms')
  const marked = only !== undefined
  const guarantee: Guarantee = marked ? { kind: 'key', validFor } : { kind: 'natural' }
  return operation(
    connection,
    options,
    guarantee,
    setting(options, format as Format, marked ? durationMs(validFor) : null),
  )
}

export function getOperation<In>(
  connection: ConnectionDeclaration,
  options: GetOptions<In>,
): Operation<In, unknown> {
  return operation(connection, options, { kind: 'natural' }, getting(options, options.format ?? json()))
}

export function deleteOperation<In>(
  connection: ConnectionDeclaration,
  options: NamedOptions & KeyOptions<In>,
): Operation<In, undefined> {
  return operation(connection, options, { kind: 'natural' }, deleting(options))
}

export function publishOperation<In>(
  connection: ConnectionDeclaration,
  options: PublishOptions<In, 'natural' | 'none'>,
): Operation<In, Published> {
  const { guarantee, format = json() } = options
  among(connection, options.name, guarantee, ['natural', 'none'])
  return operation(connection, options, { kind: guarantee }, publishing(options, format as Format))
}

function operation<In, Out>(
  connection: ConnectionDeclaration,
  { name, batch = 500, timeout = TIMEOUT }: NamedOptions,
  guarantee: Guarantee,
  kind: CommandKind<In, Out>,
): Operation<In, Out> {
  checkOperationName(connection.name, name)
  if (!Number.isInteger(batch) || batch < 1 || batch > 10_000)
    throw invalidOperation(
      connection.name,
      name,
      `has the batch ${batch}, which is no whole number from 1 to 10000`,
    )
  const run: NonNullable<Operation<In, Out>['batch']>['run'] = (client, calls) =>
    runCommands(client as RedisClient, calls, kind)
  return {
    connection,
    name,
    guarantee,
    timeout,
    batch: { max: batch, run },
    async run(client, input, call) {
      const [outcome] = await unlessGivenUp('Redis', call, () => run(client, [{ input, call }]))
      if (outcome !== undefined && 'result' in outcome) return outcome.result
      throw outcome?.error
    },
  }
}

function among(
  connection: ConnectionDeclaration,
  name: string,
  given: string,
  words: readonly string[],
  option = 'guarantee',
): void {
  if (words.includes(given)) return
  const known = words.map((word) => `"${word}"`).join(', ')
  throw invalidOperation(
    connection.name,
    name,
    `has the ${option} ${JSON.stringify(given)}. State one of ${known}`,
  )
}
