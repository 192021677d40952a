import { dirname } from 'node:path'

/** What makes folders: these functions of `node:fs`. */
export interface FolderMaker {
  existsSync(path: string): boolean
  mkdirSync(path: string): unknown
}

/**
 * Makes a folder and those above it that are not there. One after the other: where a file system has no room for folders, as
 * `/proc`, Node's own way to make several at once tries for ever.
 * @throws what `mkdirSync` throws
 */
export function makeFolders(folder: string, disk: FolderMaker): void {
  if (disk.existsSync(folder)) return
  if (dirname(folder) !== folder) makeFolders(dirname(folder), disk)
  try {
    disk.mkdirSync(folder)
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (!disk.existsSync(folder)) throw error
  }
}
