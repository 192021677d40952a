import type { Clock } from '../../model/outside.ts'
import { importClient } from '../clients.ts'
import type { ConnectEnvironment } from '../connector.ts'
import { type Link, openLink } from './link.ts'
import type { ReadRedisConfig } from './redis-config.ts'
import { redisError } from './redis-error.ts'
import type { RedisPackage } from './redis-package.ts'
import { redisPackage } from './spec.ts'

/** A connection in use. All calls share one link to the server; each source, whose reads wait there, has one of its own. */
export interface RedisClient {
  /** The address, for people. */
  readonly system: string
  readonly clock: Clock
  /** The link of the calls; made where there is none, or the last one broke. */
  link(): Promise<Link>
  /** A link of its own. */
  open(): Promise<Link>
  close(): Promise<void>
}

/** Imports the client library and makes a connection of it; nothing is sent yet. */
export async function redisClient(
  config: ReadRedisConfig,
  environment: ConnectEnvironment,
): Promise<RedisClient> {
  return clientOf(await importClient<RedisPackage>(redisPackage, environment), config, environment)
}

/** A connection on a library that was imported already. */
export function clientOf(
  library: RedisPackage,
  config: ReadRedisConfig,
  { clock }: Pick<ConnectEnvironment, 'clock'>,
): RedisClient {
  const { host, port } = config.url
  const system = `${host}:${port}`
  const links = new Set<Link>()
  let shared: Promise<Link> | null = null
  let current: Link | null = null
  let closed = false

  const open = async (): Promise<Link> => {
    const link = await openLink(library, config, clock).catch((error: unknown) => {
      throw redisError(error, { what: `connecting to ${system}`, writes: false })
    })
    for (const each of links) if (each.broken) links.delete(each)
    links.add(link)
    if (closed) link.close()
    return link
  }

  const share = async (): Promise<Link> => {
    try {
      current = await open()
      return current
    } finally {
      shared = null
    }
  }

  return {
    system,
    clock,
    open,
    link() {
      if (current !== null && !current.broken) return Promise.resolve(current)
      shared ??= share()
      return shared
    },
    async close() {
      closed = true
      for (const link of links) link.close()
    },
  }
}

/** Whether the server answers. */
export async function checkRedis(client: RedisClient): Promise<void> {
  const link = await client.link()
  try {
    await link.send(['PING'])
  } catch (error) {
    throw redisError(error, { what: `asking ${client.system}`, writes: false })
  }
}
