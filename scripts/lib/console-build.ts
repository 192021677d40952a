import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { run, tool } from './command.ts'
import { filesBelow, root } from './files.ts'

const source = join(root, 'packages', 'console')
const built = join(root, 'packages', 'linkspan', 'dist', 'console')

const BUILD_MS = 5 * 60_000

/** Builds the console into the library's assets. Answers what the builder said, when it failed. */
export async function buildConsole(): Promise<string | null> {
  const { code, output } = await run({
    ...tool('vite/bin/vite.js', 'build', '--logLevel', 'warn'),
    folder: source,
    limitMs: BUILD_MS,
  })
  return code === 0 ? null : output.trim() || `vite ended with code ${code}`
}

/** Whether the built console is there, and younger than all that it is made of. */
export function consoleIsCurrent(): boolean {
  const page = join(built, 'index.html')
  if (!existsSync(page)) return false
  const builtAt = statSync(page).mtimeMs
  const parts = [
    ...filesBelow(source, () => true).map((path) => join(source, path)),
    join(root, 'package-lock.json'),
  ]
  return parts.every((file) => statSync(file).mtimeMs <= builtAt)
}
