import { open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { CallContext } from '../connector.ts'
import { type FolderClient, pathInside, syncFolder, temporaryName } from './folder-client.ts'
import { fileError } from './fs-error.ts'

/** What writing a file gives. */
export interface Written {
  readonly file: string
  readonly bytes: number
}

/**
 * Writes a whole file so that a reader sees the old one or the new one and nothing else, also after a crash: beside it
 * first, synced, renamed, and the folder synced.
 */
export async function writeWhole(
  client: FolderClient,
  file: string,
  content: string | Uint8Array,
  call: CallContext,
): Promise<Written> {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  let renamed = false
  try {
    const path = await pathInside(client, file)
    const beside = temporaryName(path, client.random)
    try {
      await writeSynced(beside, bytes)
      call.signal.throwIfAborted()
      renamed = true
      await rename(beside, path)
    } catch (error) {
      await unlink(beside).catch(() => {})
      throw error
    }
    await syncFolder(dirname(path))
    return { file, bytes: bytes.length }
  } catch (error) {
    throw fileError(error, `Writing "${file}"`, renamed ? 'unknown' : 'no')
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
