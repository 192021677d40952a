import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LinkspanError } from '../model/errors.ts'
import { type Fetch, platformFetch } from './platform-fetch.ts'

/** Where a running engine is, for the command line on the same machine. */
export interface EngineAnnouncement {
  readonly pid: number
  /** As `http://127.0.0.1:7070`. */
  readonly url: string
  /** The bearer token of its admin API. */
  readonly token: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
}

/** The file of a project's folder that says where its engine is. */
export function engineFile(directory: string): string {
  return join(directory, '.linkspan', 'engine.json')
}

/**
 * Announces a running engine: writes the file in one step, readable by its owner only. The function that it resolves
 * with removes the file again, unless another engine has announced itself since.
 */
export async function announceEngine(
  directory: string,
  announcement: EngineAnnouncement,
): Promise<() => Promise<void>> {
  const file = engineFile(directory)
  await mkdir(join(directory, '.linkspan'), { recursive: true })
  const draft = `${file}.${announcement.pid}.tmp`
  await rm(draft, { force: true })
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(announcement, null, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(draft, file)
  return () => withdraw(file, announcement)
}

async function withdraw(file: string, { pid, startedAt }: EngineAnnouncement): Promise<void> {
  const present = await readAnnouncement(file)
  if (present?.pid === pid && present.startedAt === startedAt) await rm(file, { force: true })
}

/** What {@link findEngine} uses of the world. */
export interface FindEngineOptions {
  /** @default the platform's */
  readonly fetch?: Fetch
  /** @default asks the operating system */
  readonly isAlive?: (pid: number) => boolean
  /** How long the engine may take to answer. @default 2000 */
  readonly timeoutMs?: number
}

/**
 * The engine that runs in a project's folder, or null: when there is no file, its process is gone, or nothing answers
 * at its address.
 * @throws {LinkspanError} `CONFIG_INVALID` when the file is there and cannot be read as one.
 */
export async function findEngine(
  directory: string,
  options: FindEngineOptions = {},
): Promise<EngineAnnouncement | null> {
  const { fetch: send = platformFetch, isAlive = processLives, timeoutMs = 2_000 } = options
  const found = await readAnnouncement(engineFile(directory))
  if (found === null || !isAlive(found.pid)) return null
  try {
    const response = await send(`${found.url}/healthz`, { signal: AbortSignal.timeout(timeoutMs) })
    const health = (await response.json()) as { readonly state?: unknown } | null
    return typeof health?.state === 'string' ? found : null
  } catch {
    return null
  }
}

async function readAnnouncement(file: string): Promise<EngineAnnouncement | null> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw unreadable(file, thrown)
  }
  try {
    const value = JSON.parse(text) as EngineAnnouncement | null
    if (isAnnouncement(value)) return value
  } catch (cause) {
    throw unreadable(file, cause)
  }
  throw unreadable(file)
}

function isAnnouncement(value: EngineAnnouncement | null): value is EngineAnnouncement {
  return (
    Number.isSafeInteger(value?.pid) &&
    typeof value?.url === 'string' &&
    typeof value.token === 'string' &&
    typeof value.startedAt === 'number'
  )
}

/** Says nothing of the content: it holds a token. */
function unreadable(file: string, cause?: unknown): LinkspanError {
  const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? 'it is not an announcement of an engine'
  return new LinkspanError(
    'CONFIG_INVALID',
    `${file} cannot be used: ${why}. Remove it; a running engine writes it again when it is started.`,
    { details: { file } },
  )
}

/** A process of another user lives too; it only may not be asked. */
function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}
