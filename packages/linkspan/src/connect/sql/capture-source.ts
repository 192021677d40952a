import { LinkspanError } from '../../model/errors.ts'
import type { ConnectionDeclaration, RunningSource, SourceContext, SourceDeclaration } from '../connector.ts'
import { asking } from './asking.ts'
import { type Beginning, type BeginningWith, begin } from './capture-beginning.ts'
import { captureError } from './capture-error.ts'
import { follow } from './capture-follow.ts'
import {
  type Captured,
  type CaptureOptions,
  type CaptureSettings,
  captureSettings,
} from './capture-options.ts'
import type { CaptureFollowing } from './capture-position.ts'
import { readRows } from './capture-snapshot.ts'
import { capturedTables } from './capture-tables.ts'
import type { OpenSession, PostgresSession } from './postgres-session.ts'
import type { SqlClient } from './sql-client.ts'

/** A source over PostgreSQL's log. See `SqlConnection.capture`. */
export function captureSource<R>(
  connection: ConnectionDeclaration,
  options: CaptureOptions<R>,
): SourceDeclaration<Captured<R>> {
  const settings = captureSettings(options as CaptureOptions<never>)
  const { name, tables, slot, snapshot } = settings
  return {
    kind: 'stream',
    connector: connection.connector.name,
    name,
    options: { tables, slot, snapshot },
    connection,
    ...(options.schema === undefined ? {} : { schema: options.schema }),
    start: (context) => start(settings, context),
  }
}

/** Resolves when publication and slot are there. What goes wrong from then on is told by `failed`. */
async function start(settings: CaptureSettings, outer: SourceContext): Promise<RunningSource> {
  const client = (await outer.client()) as SqlClient
  const open = opener(settings, client)
  const end = new AbortController()
  const signal = AbortSignal.any([outer.signal, end.signal])
  const context: SourceContext = { ...outer, signal }
  const session = await open('replication').catch((error: unknown) => {
    throw captureError(error, settings)
  })
  const close = (): Promise<void> => session.close()
  // What is under way is not waited for: making a slot takes as long as the longest open transaction.
  signal.addEventListener('abort', () => void close(), { once: true })
  try {
    const ask = asking(client, settings.name, { signal })
    const given = { settings, context, ask, session, tables: await capturedTables(ask, settings) }
    const beginning = await begin(given)
    const ended = work(given, open, beginning)
      .catch((error: unknown) => {
        if (!signal.aborted) outer.failed(captureError(error, settings))
      })
      .finally(close)
    return {
      stop: async () => {
        end.abort()
        await ended
      },
    }
  } catch (error) {
    await close()
    throw captureError(error, settings)
  }
}

function opener({ name }: CaptureSettings, { dialect, openSession }: SqlClient): OpenSession {
  if (openSession !== null) return openSession
  throw new LinkspanError(
    'CONFIG_INVALID',
    dialect.name === 'postgres'
      ? `The source "${name}" captures changes on a connection of its own, which a pool that was handed in has not. Bind a url to the connection instead.`
      : `The source "${name}" captures changes from PostgreSQL's log, and the connection's database speaks ${dialect.name}. Take changes, rows or outbox there.`,
  )
}

async function work(
  given: BeginningWith,
  open: OpenSession,
  { position, snapshot }: Beginning,
): Promise<void> {
  const from = position.stage === 'following' ? position : await reading(given, open, position, snapshot)
  if (from !== null) await follow(given, from)
}

async function reading(
  given: BeginningWith,
  open: OpenSession,
  position: Exclude<Beginning['position'], CaptureFollowing>,
  snapshot: string | null,
): Promise<CaptureFollowing | null> {
  const session: PostgresSession = await open('reading')
  const { signal } = given.context
  const close = (): void => void session.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    return await readRows({ ...given, session, snapshot }, position)
  } finally {
    signal.removeEventListener('abort', close)
    await session.close()
  }
}
