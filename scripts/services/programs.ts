import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where a program is found as a shell would; null where it is not. */
export function onPath(name: string, path: string = process.env['PATH'] ?? ''): string | null {
  const places = path.split(delimiter).filter((folder) => folder !== '')
  return places.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The first version number in what a program says about itself. */
export function versionOf(file: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  return versionIn(`${stdout}${stderr}`)
}

/** The first version number in a text. */
export const versionIn = (text: string): string =>
  text.match(/\d+(\.\d+)+/)?.[0] ?? text.match(/\d+/)?.[0] ?? 'unknown'

/** Whether a version, as `17.0.15`, is at least the wanted one, as `17` or `1.21`. */
export function atLeast(version: string, wanted: string): boolean {
  const [has, wants] = [version, wanted].map((text) => text.split('.').map(Number))
  for (const [at, want] of (wants ?? []).entries()) {
    const part = has?.[at] ?? 0
    if (part !== want) return part > want
  }
  return true
}

/** Where downloads are kept from run to run: shared by all clones of the repository. */
export function downloads(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['LINKSPAN_SERVICES_CACHE']
  if (own) return own
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'linkspan', 'services')
}

/** Runs a program to its end. Throws with what it said. */
export function runOrThrow(
  file: string,
  args: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): string {
  const ran = spawnSync(file, args, {
    encoding: 'utf8',
    cwd: options.cwd ?? '/',
    env: { ...process.env, ...options.env },
    maxBuffer: 64 * 1024 * 1024,
  })
  const said = `${ran.stdout ?? ''}${ran.stderr ?? ''}`.trim()
  if (ran.status === 0) return said
  throw new Error(`${file} ${args.join(' ')} failed:\n${ran.error?.message ?? said.slice(-2_000)}`)
}
