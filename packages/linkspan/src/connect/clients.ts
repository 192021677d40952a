import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { ClientSpec, ConnectEnvironment, ConnectorSpec } from './connector.ts'

/** The client packages of a connector; none, one or several. */
export function clientsOf({ client }: ConnectorSpec): readonly ClientSpec[] {
  if (client === undefined) return []
  return 'package' in client ? [client] : client
}

/** The command that installs a client package: `npm install pg@8`. */
export function installCommand({ package: name, range }: ClientSpec): string {
  const [, major = '', minor = ''] = /^[\^~]?(\d+)\.?(\d+)?/.exec(range) ?? []
  const version = major === '0' && minor !== '' ? `0.${minor}` : major
  return `npm install ${name}${version === '' ? '' : `@${version}`}`
}

/**
 * Imports a client library when a connector first needs it: the one of the user's project (also where packages are linked, as
 * pnpm does, and where it is a package of ES modules only), or else the one beside Linkspan.
 *
 * `from` is a path inside the package, where the client is not its main module: `mysql2/promise`.
 *
 * @example
 * ```ts
 * import { type ConnectEnvironment, importClient } from 'linkspan/connect'
 * declare const environment: ConnectEnvironment
 *
 * interface Pg { Pool: new (options: object) => { end(): Promise<void> } }
 * const { Pool } = await importClient<Pg>({ package: 'pg', range: '^8.23.0' }, environment)
 * ```
 * @throws {LinkspanError} `CLIENT_MISSING` with the command that installs it, also where it is there and cannot be loaded.
 */
export async function importClient<Module>(
  client: ClientSpec,
  { directory }: Pick<ConnectEnvironment, 'directory'>,
  from: string = client.package,
  own: string = import.meta.url,
): Promise<Module> {
  const file = entryOf(join(directory, 'package.json'), from) ?? entryOf(own, from)
  if (file === null) throw missing(client, `is not installed in ${directory}`)
  try {
    return (await import(pathToFileURL(file).href)) as Module
  } catch (cause) {
    if (isLinkspanError(cause)) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw missing(client, `was found at ${file} and cannot be loaded (${message})`, cause)
  }
}

function missing(client: ClientSpec, what: string, cause?: unknown): LinkspanError {
  const install = installCommand(client)
  return new LinkspanError(
    'CLIENT_MISSING',
    `The connector needs the package "${client.package}", which ${what}. Run: ${install}`,
    { details: { package: client.package, install }, ...(cause === undefined ? {} : { cause }) },
  )
}

/** The file that an import of a package means, seen from a file; null where it is not installed. */
function entryOf(from: string, specifier: string): string | null {
  const require = createRequire(from)
  try {
    return require.resolve(specifier)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') return null
    return importedEntry(require.resolve.paths(specifier) ?? [], specifier)
  }
}

/** `require` does not find what a package exports for `import` alone. */
function importedEntry(folders: readonly string[], specifier: string): string | null {
  const [, name = '', rest = ''] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(specifier) ?? []
  for (const folder of folders) {
    const manifest = readManifest(join(folder, name, 'package.json'))
    const target = manifest === null ? null : targetOf(manifest.exports, `.${rest}`)
    if (target !== null) return join(folder, name, target)
  }
  return null
}

function readManifest(path: string): { readonly exports?: unknown } | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { readonly exports?: unknown }
  } catch {
    return null
  }
}

const CONDITIONS = ['node', 'import', 'module-sync', 'default']

function targetOf(exported: unknown, path: string): string | null {
  if (typeof exported === 'string') return path === '.' ? exported : null
  if (typeof exported !== 'object' || exported === null) return null
  const bySubPath = Object.keys(exported).some((key) => key.startsWith('.'))
  const at = bySubPath ? (exported as Record<string, unknown>)[path] : path === '.' ? exported : undefined
  return conditional(at)
}

/** The first condition that holds counts, in the order of the manifest. */
function conditional(target: unknown): string | null {
  if (typeof target === 'string') return target
  if (typeof target !== 'object' || target === null) return null
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.includes(condition) ? conditional(inner) : null
    if (found !== null) return found
  }
  return null
}
