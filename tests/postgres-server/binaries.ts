import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { cache } from '../../scripts/lib/files.ts'
import { reaches, type ServerUser } from '../../scripts/lib/server-user.ts'
import { installedMajor, type Major, packageName, packageVersions } from './versions.ts'

/** The programs of one PostgreSQL. */
export interface Binaries {
  readonly major: Major
  /** The version of the package they are from. */
  readonly version: string
  readonly initdb: string
  readonly postgres: string
}

/** Where the versions lie that are installed on demand. */
export const onDemand: string = join(cache, 'linkspan-postgres')

/** The folder of a major version's package, or null where it is not installed. */
export function packageFolder(major: Major): string | null {
  const own = join(onDemand, String(major), 'node_modules', packageName())
  return [own, ...installed()].find((folder) => versionIn(folder) === packageVersions[major]) ?? null
}

function installed(): readonly string[] {
  const paths = createRequire(import.meta.url).resolve.paths(packageName()) ?? []
  return paths.map((path) => join(path, packageName()))
}

function versionIn(folder: string): string | null {
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) return null
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string }).version
}

/** The programs of a major version, at a place where the user may run them. */
export function binaries(major: Major, user: ServerUser): Binaries {
  const folder = packageFolder(major)
  if (folder === null) throw new Error(missing(major))
  const native = join(folder, 'native')
  makeLinks(native)
  const version = packageVersions[major]
  const bin = join(reaches(user, join(native, 'bin', 'postgres')) ? native : copied(native, version), 'bin')
  return { major, version, initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') }
}

function missing(major: Major): string {
  const install = major === installedMajor ? 'npm ci' : `npm run postgres-versions -- ${major}`
  return `PostgreSQL ${major} (${packageName()} ${packageVersions[major]}) is not installed. Run: ${install}`
}

/** npm packages hold no symbolic links; theirs come from an install script, which need not have run. */
function makeLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = join(dirname(native), target)
    if (!existsSync(link)) makeLink(basename(source), link)
  }
}

function makeLink(to: string, link: string): void {
  try {
    symlinkSync(to, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Copies the programs out of a folder that only we may enter, such as root's home. One copy serves all runs. */
function copied(native: string, version: string): string {
  const copy = join('/tmp', `linkspan-postgres-${version}-${process.getuid?.()}`)
  if (existsSync(copy)) return ours(copy)
  const half = mkdtempSync(`${copy}-`)
  cpSync(native, half, { recursive: true, verbatimSymlinks: true })
  chmodSync(half, 0o755)
  try {
    renameSync(half, copy)
  } catch (error) {
    rmSync(half, { recursive: true })
    if (!existsSync(copy)) throw error
  }
  return ours(copy)
}

function ours(copy: string): string {
  if (statSync(copy).uid === process.getuid?.()) return copy
  throw new Error(`${copy} belongs to another user, so nothing is run from it. Remove it.`)
}
