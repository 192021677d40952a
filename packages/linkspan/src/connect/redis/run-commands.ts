import { LinkspanError } from '../../model/errors.ts'
import type { BatchedCall, CallContext, CallOutcome } from '../connector.ts'
import { givenUp } from '../unless-given-up.ts'
import type { Link } from './link.ts'
import { markKey } from './once.ts'
import type { RedisClient } from './redis-client.ts'
import { redisError, wordOf } from './redis-error.ts'
import type { RedisArgument, RedisReply } from './redis-package.ts'

/** A command of one call. */
export interface Draft {
  /** Its first key is its second word, as with all commands that write one key. */
  readonly args: readonly [command: string, key: string, ...rest: RedisArgument[]]
}

/** How the calls of an operation become commands, and answers results. */
export interface CommandKind<In, Out> {
  /** For people: `adding to "orders"`. */
  what(input: In): string
  draft(input: In, call: CallContext, nowMs: number): Draft
  /** `null` and the empty text stand for a command that did nothing. */
  result(reply: RedisReply, input: In): Out
  readonly writes: boolean
  /** How long the mark of a call is kept, where there is one; else the command is sent as it is. */
  readonly markForMs: number | null
  /** What a refusal means after all, where the effect may be there already. */
  settle?: (
    link: Link,
    error: Error,
    input: In,
    call: CallContext,
  ) => Promise<{ readonly result: Out } | null>
}

/** Sends the commands of several calls together, over one link and in their order; each has an outcome of its own. */
export async function runCommands<In, Out>(
  client: RedisClient,
  calls: readonly BatchedCall<In>[],
  kind: CommandKind<In, Out>,
): Promise<readonly CallOutcome<Out>[]> {
  const link = await client.link()
  const script = kind.markForMs === null ? null : await scriptOf(client, link)
  return Promise.all(calls.map(({ input, call }) => runOne(client, link, script, kind, input, call)))
}

async function scriptOf({ system }: RedisClient, link: Link): Promise<string> {
  try {
    return await link.script()
  } catch (error) {
    throw redisError(error, { what: `loading the script of marks at ${system}`, writes: false })
  }
}

async function runOne<In, Out>(
  client: RedisClient,
  link: Link,
  script: string | null,
  kind: CommandKind<In, Out>,
  input: In,
  call: CallContext,
): Promise<CallOutcome<Out>> {
  try {
    const args = wordsOf(kind.draft(input, call, client.clock.now()), script, kind.markForMs, call)
    if (!call.maySend()) throw givenUp('Redis', 'no')
    return { result: kind.result(await link.send(args), input) }
  } catch (error) {
    if (error instanceof Error && wordOf(error) === 'NOSCRIPT') link.forgetScript()
    const what = `${kind.what(input)} at ${client.system}`
    const settled = await settledBy(kind, link, error, input, call)
    if (settled === 'unknown') return { error: unknownOutcome(what, error) }
    if (settled !== null) return settled
    return { error: redisError(error, { what, writes: kind.writes }) }
  }
}

async function settledBy<In, Out>(
  { settle }: CommandKind<In, Out>,
  link: Link,
  error: unknown,
  input: In,
  call: CallContext,
): Promise<{ readonly result: Out } | 'unknown' | null> {
  if (settle === undefined || !(error instanceof Error)) return null
  try {
    return await settle(link, error, input, call)
  } catch {
    return 'unknown'
  }
}

function unknownOutcome(what: string, cause: unknown): LinkspanError {
  return new LinkspanError(
    'CALL_FAILED',
    `Redis: ${what} was refused, since its id is there already, and the connection broke before it was seen whose it is.`,
    { retry: 'later', applied: 'unknown', cause },
  )
}

function wordsOf(
  { args }: Draft,
  script: string | null,
  markForMs: number | null,
  { mark }: CallContext,
): readonly RedisArgument[] {
  if (script === null) return args
  const [command, key, ...rest] = args
  return ['EVALSHA', script, '2', key, markKey(key, mark), String(markForMs), command, ...rest]
}

/** What Redis cannot take: trying again would not help. */
export function unusable(what: string, problem: string): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `Redis: ${what} cannot be done: ${problem}. Correct what the operation is given.`,
    { retry: 'never', applied: 'no' },
  )
}
