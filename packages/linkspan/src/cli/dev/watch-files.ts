import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { WatchOptions } from './dev-world.ts'

const SETTLE_MS = 80
const MODULE = /\.(?:[cm]?[jt]s|json)$/

/**
 * Calls `changed` with the files of the list whose content has changed, a moment after the last sign of it.
 * It watches their folders, since editors replace files instead of writing into them.
 */
export function watchFiles(
  files: readonly string[],
  changed: (files: readonly string[]) => void,
  { newFiles }: WatchOptions,
): () => void {
  const known = new Map(files.map((file) => [file, contentOf(file)]))
  const touched = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const settle = (): void => {
    const different = [...touched].filter((file) => contentOf(file) !== (known.get(file) ?? null))
    touched.clear()
    for (const file of different) known.set(file, contentOf(file))
    if (different.length > 0) changed(different)
  }
  const touch = (file: string): void => {
    if (!known.has(file) && !(newFiles && MODULE.test(file))) return
    touched.add(file)
    clearTimeout(timer)
    timer = setTimeout(settle, SETTLE_MS)
  }
  const watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) =>
    watchFolder(folder, files, touch),
  )
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}

function watchFolder(
  folder: string,
  files: readonly string[],
  touch: (file: string) => void,
): readonly FSWatcher[] {
  const inside = files.filter((file) => dirname(file) === folder)
  try {
    const watcher = watch(folder, (_event, name) => {
      if (name === null) for (const file of inside) touch(file)
      else touch(join(folder, basename(name)))
    })
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return []
  }
}

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
