import type { CancelTimer, Clock } from '../../model/outside.ts'
import { tlsSettings } from '../tls.ts'
import { ONCE } from './once.ts'
import type { ReadRedisConfig } from './redis-config.ts'
import { LinkBroken } from './redis-error.ts'
import type {
  RedisArgument,
  RedisLibraryClient,
  RedisOptions,
  RedisPackage,
  RedisReply,
} from './redis-package.ts'

/** One connection to a server. It is never made again: what breaks is left, and another one opened. */
export interface Link {
  readonly broken: boolean
  /**
   * Sends a command and resolves with its answer; commands go out in the order in which they are given, and those of one
   * turn together. One that waits at the server says for how long: its answer is waited for so much longer.
   */
  send(args: readonly RedisArgument[], waitsMs?: number): Promise<RedisReply>
  /** The digest of our script, which the server has from here on. */
  script(): Promise<string>
  /** Lets the script be sent again: the server has forgotten it. */
  forgetScript(): void
  /** Breaks it off at once. */
  close(): void
}

/** What comes as `$`, the data, is handed over as bytes. */
const BYTES = { typeMapping: { 36: Buffer } }

/** Connects and logs in. */
export async function openLink(library: RedisPackage, config: ReadRedisConfig, clock: Clock): Promise<Link> {
  const client = library.createClient(optionsOf(config))
  const link = linkOf(client, config, clock)
  const { promise, reject } = Promise.withResolvers<never>()
  const cancel = clock.timer(config.connectTimeout, () => reject(new LinkBroken(tooLong(config), false)))
  const connecting = client.connect()
  try {
    await Promise.race([connecting, promise])
    return link
  } catch (error) {
    link.close()
    // One that comes about after all is of no use any more.
    connecting.then(link.close, () => undefined)
    throw unlessAnswered(error)
  } finally {
    cancel()
  }
}

function tooLong({ connectTimeout, url }: ReadRedisConfig): string {
  return `there was no connection ${url.secure ? 'by TLS ' : ''}within ${connectTimeout} ms`
}

/** What the server says to our login is no trouble of the connection. */
function unlessAnswered(error: unknown): unknown {
  if (error instanceof LinkBroken || !(error instanceof Error)) return error
  if (['ErrorReply', 'SimpleError', 'BlobError'].includes(error.constructor.name)) return error
  const { errors = [] } = error as { readonly errors?: readonly Error[] }
  return new LinkBroken(error.message || errors.map(({ message }) => message).join(', '), false, error)
}

function linkOf(client: RedisLibraryClient, { answerTimeout }: ReadRedisConfig, clock: Clock): Link {
  let brokenBy: Error | null = null
  let waiting = 0
  let patienceMs = answerTimeout
  let heardAt = 0
  let cancel: CancelTimer = () => undefined
  let loaded: Promise<string> | null = null

  const breakOff = (error: Error): void => {
    if (brokenBy !== null) return
    brokenBy = error
    cancel()
    client.destroy()
  }
  const watch = (): void => {
    const silentMs = clock.monotonic() - heardAt
    if (waiting === 0) return
    if (silentMs < patienceMs) cancel = clock.timer(patienceMs - silentMs, watch)
    else breakOff(new LinkBroken(`no answer came within ${patienceMs} ms`, true))
  }
  client.on('error', (error) => breakOff(new LinkBroken(textOf(error), true, error)))
  client.on('terminated', (error) => breakOff(new LinkBroken(textOf(error), true, error)))

  const send: Link['send'] = async (args, waitsMs = 0) => {
    patienceMs = answerTimeout + waitsMs
    if (waiting === 0) {
      heardAt = clock.monotonic()
      cancel()
      cancel = clock.timer(patienceMs, watch)
    }
    waiting += 1
    try {
      return (await client.sendCommand(args, BYTES)) as RedisReply
    } catch (error) {
      throw brokenBy !== null && wasSent(error) ? brokenBy : error
    } finally {
      waiting -= 1
      heardAt = clock.monotonic()
      if (waiting === 0) cancel()
    }
  }

  return {
    get broken() {
      return brokenBy !== null
    },
    send,
    script() {
      loaded ??= send(['SCRIPT', 'LOAD', ONCE]).then(String)
      loaded.catch(() => {
        loaded = null
      })
      return loaded
    },
    forgetScript() {
      loaded = null
    },
    close: () => breakOff(new LinkBroken('the connection was closed', true)),
  }
}

function textOf(error: unknown): string {
  return `the connection broke (${error instanceof Error ? error.message : String(error)})`
}

function wasSent(error: unknown): boolean {
  const name = error instanceof Error ? error.constructor.name : ''
  return name !== 'ClientOfflineError' && name !== 'ClientClosedError'
}

function optionsOf(config: ReadRedisConfig): RedisOptions {
  const { url, tls, connectTimeout, clientName } = config
  const user = config.user ?? url.user
  const password = config.password ?? url.password
  const secure = url.secure
    ? { tls: true, servername: url.host, ...(tls === undefined ? {} : tlsSettings(tls)) }
    : {}
  return {
    socket: { host: url.host, port: url.port, connectTimeout, reconnectStrategy: false, ...secure },
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password }),
    database: url.database,
    name: clientName,
    RESP: 2,
    maintNotifications: 'disabled',
    disableOfflineQueue: true,
    commandOptions: { timeout: undefined },
  }
}
