import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Where the checks may write: ignored by git, gone after `npm ci`. */
export const cache: string = join(root, 'node_modules', '.cache')

const LEFT_OUT = new Set(['node_modules', 'dist', '.git'])

/**
 * All files below a folder that `wanted` accepts, as paths relative to it with `/`, sorted.
 * A folder that does not exist has no files.
 */
export function filesBelow(folder: string, wanted: (path: string) => boolean): readonly string[] {
  if (!existsSync(folder)) return []
  return walk(folder)
    .map((path) => relative(folder, path).split(sep).join('/'))
    .filter(wanted)
    .sort()
}

function walk(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return [join(folder, entry.name)]
    return LEFT_OUT.has(entry.name) ? [] : walk(join(folder, entry.name))
  })
}

/** A TypeScript module, not a declaration file. */
export function isTypeScript(path: string): boolean {
  return path.endsWith('.ts') && !path.endsWith('.d.ts')
}

/** A test, or what only tests use: neither is part of the library. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.split('/').includes('fixtures')
}

/** Files that `linkspan init` copies into a user's project: the user's code, not ours. */
export function isTemplate(path: string): boolean {
  return path.split('/').includes('templates')
}
