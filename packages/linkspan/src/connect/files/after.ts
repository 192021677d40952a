import { link, rename, unlink } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { type FolderClient, pathInside, syncFolder } from './folder-client.ts'
import { codeOf } from './fs-error.ts'
import { look, type SeenFile } from './scan.ts'

/**
 * Moves or deletes a file that was read to its end; durable when it resolves. False when it has changed since it was
 * looked at: there is more to read, and it is left alone.
 */
export async function finish(
  client: FolderClient,
  file: SeenFile,
  { after, moveTo }: { readonly after: 'keep' | 'move' | 'delete'; readonly moveTo: string },
): Promise<boolean> {
  const now = await look(client.root, file.name)
  if (now?.id !== file.id || now.size !== file.size || now.modified !== file.modified) return false
  const from = join(client.root, file.name)
  if (after === 'delete') await unlink(from)
  else await move(client, from, file.name, moveTo)
  await syncFolder(client.root)
  return true
}

/** Nothing is overwritten: a name that is taken gets a number. */
async function move(client: FolderClient, from: string, name: string, moveTo: string): Promise<void> {
  const ending = extname(name)
  const stem = name.slice(0, name.length - ending.length)
  for (let number = 0; ; number++) {
    const to = await pathInside(client, join(moveTo, number === 0 ? name : `${stem}-${number}${ending}`))
    if (await moveUnlessTaken(from, to)) return syncFolder(dirname(to))
  }
}

/** A hard link fails where the name is taken, which a rename does not; file systems without links are renamed on. */
async function moveUnlessTaken(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return isSameFile(from, to)
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error
    if ((await look(dirname(to), basename(to))) !== null) return false
    await rename(from, to)
    return true
  }
  await unlink(from)
  return true
}

/** A crash between link and unlink leaves the file under both names. */
async function isSameFile(from: string, to: string): Promise<boolean> {
  const [old, taken] = await Promise.all([from, to].map((path) => look(dirname(path), basename(path))))
  if (old === null || old?.id !== taken?.id) return false
  await unlink(from)
  return true
}
