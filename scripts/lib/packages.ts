import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files.ts'

/** One target of `exports`: a file, or files by condition. */
export type ExportTarget = string | Readonly<Record<string, string>>

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports?: Readonly<Record<string, ExportTarget>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** A package of this repository. */
export interface Package {
  readonly folder: string
  readonly manifest: Manifest
}

export function readPackage(folder: string): Package {
  return { folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest }
}

/** The packages that go to the registry: those in packages/ that are not private. */
export function publishedPackages(): readonly Package[] {
  const folder = join(root, 'packages')
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'package.json')))
    .map((name) => readPackage(join(folder, name)))
    .filter(({ manifest }) => manifest.private !== true)
}

/** The file that a sub-path leads to under a condition, or `undefined`. */
export function exportTarget(manifest: Manifest, subPath: string, condition: string): string | undefined {
  const target = manifest.exports?.[subPath]
  return typeof target === 'string' ? target : target?.[condition]
}

/** The sub-paths that lead to modules, as a user writes them: `linkspan`, `linkspan/http`. */
export function moduleSpecifiers({ name, exports = {} }: Manifest): readonly string[] {
  return Object.keys(exports)
    .filter((subPath) => !subPath.endsWith('.json'))
    .map((subPath) => name + subPath.slice(1))
}
