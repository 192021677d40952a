import { lstat, mkdir, open, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { LinkspanError } from '../../model/errors.ts'
import type { Random } from '../../model/outside.ts'
import type { ConnectEnvironment } from '../connector.ts'
import type { ReadFolderConfig } from './folder-config.ts'
import { codeOf } from './fs-error.ts'

/** A folder in use. */
export interface FolderClient {
  /** Its real path. */
  readonly root: string
  readonly random: Random
  /** Runs one thing at a time per file. */
  inTurn<T>(path: string, run: () => Promise<T>): Promise<T>
}

/**
 * Finds or makes the folder.
 * @throws {LinkspanError} `CONFIG_INVALID` when it does not exist and may not be made, or is no folder.
 */
export async function folderClient(
  config: ReadFolderConfig,
  environment: ConnectEnvironment,
): Promise<FolderClient> {
  const path = resolve(environment.directory, config.path)
  try {
    if (config.create) await mkdir(path, { recursive: true })
    if (!(await stat(path)).isDirectory())
      throw Object.assign(new Error('it is no folder'), { code: 'ENOTDIR' })
    return { root: await realpath(path), random: environment.random, inTurn: turns() }
  } catch (error) {
    const advice =
      codeOf(error) === 'ENOENT' ? 'Make it, or set create: true' : 'Correct its path or its rights'
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The folder "${path}" cannot be used: ${(error as Error).message}. ${advice}.`,
      {
        details: { path },
        cause: error,
      },
    )
  }
}

function turns(): FolderClient['inTurn'] {
  const last = new Map<string, Promise<unknown>>()
  return async (path, run) => {
    const before = last.get(path)
    const mine = (before ?? Promise.resolve()).then(run, run)
    last.set(path, mine)
    try {
      return await mine
    } finally {
      if (last.get(path) === mine) last.delete(path)
    }
  }
}

/**
 * The full path of a name inside the folder; folders on the way are made. Links that lead out of it are not followed.
 * @throws {LinkspanError} `CALL_REJECTED` when it would lie outside.
 */
export async function pathInside(client: FolderClient, name: string): Promise<string> {
  const full = resolve(client.root, name)
  if (name === '' || name.includes('\0') || isAbsolute(name) || !isInside(client.root, full))
    throw outside(name)
  const parent = dirname(full)
  await makeFolders(client.root, parent)
  if (!isInside(client.root, join(await realpath(parent), 'x')) || (await isLink(full))) throw outside(name)
  return full
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() === true
}

/** Makes the missing folders one by one, so that a link on the way is seen before anything is made behind it. */
async function makeFolders(root: string, folder: string): Promise<void> {
  let at = root
  for (const part of relative(root, folder)
    .split(sep)
    .filter((name) => name !== '')) {
    at = join(at, part)
    const real = await realpath(at).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    })
    if (real === null) {
      await mkdir(at, { recursive: true })
      await syncFolder(dirname(at))
    } else if (!isInside(root, real)) throw outside(relative(root, folder))
  }
}

function isInside(root: string, full: string): boolean {
  const way = relative(root, full)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

function outside(name: string): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `"${name}" does not name a file inside the folder. Give a relative path without "..".`,
    {
      details: { name },
    },
  )
}

/** Makes a rename, a new or a removed file last: the folder is synced too. Systems that cannot are left alone. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(codeOf(error))) throw error
  }
}

/** A name beside a file that no source takes for one of its own. */
export function temporaryName(path: string, random: Random): string {
  return join(dirname(path), `.${basename(path)}.${random.token(10)}.tmp`)
}
