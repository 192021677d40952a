import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf } from './fs-error.ts'

/** A file as it is now. */
export interface SeenFile {
  /** Device and inode: the same file under another name is the same file. */
  readonly id: string
  readonly name: string
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** The plain files directly in a folder; links and folders are no files. */
export async function listFiles(folder: string): Promise<readonly SeenFile[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const files: SeenFile[] = []
  for (const entry of entries) {
    const file = entry.isFile() ? await look(folder, entry.name) : null
    if (file !== null) files.push(file)
  }
  return files
}

/** A file as it is now, or null when it is gone. */
export async function look(folder: string, name: string): Promise<SeenFile | null> {
  try {
    const { dev, ino, size, mtimeNs } = await lstat(join(folder, name), { bigint: true })
    return { id: `${dev}:${ino}`, name, size: Number(size), modified: Number(mtimeNs / 1_000n) / 1_000 }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** Files in the order in which they are read. Names are compared by their numbers where they have some. */
export function inOrder(files: readonly SeenFile[], order: 'name' | 'modified'): readonly SeenFile[] {
  const byName = (a: SeenFile, b: SeenFile): number =>
    COLLATOR.compare(a.name, b.name) || (a.name < b.name ? -1 : 1)
  if (order === 'name') return files.toSorted(byName)
  return files.toSorted((a, b) => a.modified - b.modified || byName(a, b))
}

const COLLATOR = new Intl.Collator('en', { numeric: true })
