import type { RunningSource, SourceContext } from '../connector.ts'
import type { Link } from './link.ts'
import type { RedisClient } from './redis-client.ts'
import { redisError } from './redis-error.ts'

/** What a source does over a link of its own. */
export interface ReaderWork {
  /** What must succeed for the source to be started at all. */
  begin(link: Link, client: RedisClient): Promise<void>
  /** Reads until the signal fires, or the link breaks. */
  read(link: Link, signal: AbortSignal, client: RedisClient): Promise<void>
}

/** Runs a source over a link of its own: its reads wait at the server, and would hold up all that comes behind them. */
export async function runReader(
  context: SourceContext,
  what: string,
  work: ReaderWork,
): Promise<RunningSource> {
  const client = (await context.client()) as RedisClient
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const link = await client.open()
  // What waits at the server ends with its link.
  const stop = (): void => link.close()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const explained = (error: unknown): unknown =>
    redisError(error, { what: `${what} at ${client.system}`, writes: false })
  try {
    await work.begin(link, client)
  } catch (error) {
    link.close()
    throw explained(error)
  }
  const ended = work.read(link, signal, client).catch((error: unknown) => {
    link.close()
    if (!signal.aborted) context.failed(explained(error))
  })
  return {
    stop: async () => {
      end.abort()
      await ended
      link.close()
    },
  }
}
