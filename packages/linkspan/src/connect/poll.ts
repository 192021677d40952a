import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import { acceptWhenRoom } from './accept.ts'
import type {
  ConnectionDeclaration,
  Incoming,
  RunningSource,
  SourceContext,
  SourceDeclaration,
  SystemLimits,
} from './connector.ts'
import { wait } from '../model/wait.ts'

/** What one look at a system found. */
export interface PolledPage {
  /** In the order in which they are to be accepted. */
  readonly items: readonly Incoming[]
  /** Where the next look begins: committed together with the items. Null leaves it where it is. */
  readonly cursor: string | null
  /** Whether there is more to be read at once. */
  readonly more: boolean
}

/** How a system is asked again and again for what is new. */
export interface PollOptions<T, Client = unknown> {
  readonly connection: ConnectionDeclaration<never, Client> | ConnectionDeclaration
  /** A readable name, as `GET /tasks`. */
  readonly name: string
  /** Plain data for the diagram. */
  readonly options?: Readonly<Record<string, Json>>
  readonly schema?: StandardSchemaV1<unknown, T>
  /** From one look that found nothing more to the next. @default '1m' */
  readonly every?: Duration
  /**
   * Reads a page from behind `cursor`, which is null at the very first: one request, as the connection's budget counts it.
   * What it throws is shown with the source; the engine
   * asks again after a pause, from the last cursor that was committed.
   */
  read(client: Client, cursor: string | null, look: Look): Promise<PolledPage>
}

/** What a look may use. */
export interface Look {
  /** Fires when the source must stop. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970, by the engine's clock. */
  now(): number
  /** To be told what the system says of its limits, as `CallContext.limits`. */
  limits(said: SystemLimits): void
}

/**
 * A source that asks a system for what is new: it runs on one engine of a cluster, and what it reads is committed together
 * with its cursor, so that nothing is read twice or left out, whenever the engine dies.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { type ConnectionDeclaration, pollSource } from 'linkspan/connect'
 *
 * interface Api { changes(since: string | null): Promise<{ rows: { id: string }[]; next: string; last: boolean }> }
 * declare const tracker: ConnectionDeclaration
 *
 * const changes = pollSource<{ id: string }, Api>({
 *   connection: tracker,
 *   name: 'changes',
 *   every: '30s',
 *   read: async (api, cursor) => {
 *     const { rows, next, last } = await api.changes(cursor)
 *     return { items: rows.map((body) => ({ body })), cursor: next, more: !last }
 *   },
 * })
 * const follow = flow('follow').from(changes, { key: ({ id }) => id })
 * ```
 * @throws {LinkspanError} `CONFIG_INVALID` when `every` is no duration above zero.
 */
export function pollSource<T, Client = unknown>(options: PollOptions<T, Client>): SourceDeclaration<T> {
  const { connection, name, schema } = options
  const everyMs = durationMs(options.every ?? '1m')
  if (everyMs <= 0)
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The source "${name}" polls every ${everyMs} ms: say how long it waits between two looks, as '30s'.`,
    )
  return {
    kind: 'poll',
    connector: connection.connector.name,
    name,
    options: { ...options.options, every: String(options.every ?? '1m') },
    connection: connection as ConnectionDeclaration,
    ...(schema === undefined ? {} : { schema }),
    start: (context) => startPolling(options as PollOptions<unknown>, everyMs, context),
  }
}

async function startPolling(
  options: PollOptions<unknown>,
  everyMs: number,
  context: SourceContext,
): Promise<RunningSource> {
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const client = await context.client()
  const cursor = await context.cursor()
  const ended = poll(options, everyMs, { ...context, signal }, client, cursor).catch(context.failed)
  return {
    stop: async () => {
      end.abort()
      await ended
    },
  }
}

async function poll(
  options: PollOptions<unknown>,
  everyMs: number,
  context: SourceContext,
  client: unknown,
  from: string | null,
): Promise<void> {
  const { clock, signal } = context
  const now = (): number => clock.now()
  let cursor = from
  let more = true
  while (more || (await wait(clock, everyMs, signal))) {
    const page = await context.request((limits) => options.read(client, cursor, { signal, now, limits }))
    const found = page.items.length > 0 || (page.cursor !== null && page.cursor !== cursor)
    if (found && !(await acceptWhenRoom(context, signal, page.items, page.cursor))) return
    cursor = page.cursor ?? cursor
    more = page.more && !signal.aborted
  }
}
