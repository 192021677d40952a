import { existsSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Project } from '../index.ts'
import { LinkspanError } from '../model/errors.ts'
import type { ModuleLoader } from './dependencies.ts'
import { unreachable } from './failure.ts'
import { importFailure } from './import-failure.ts'

/** The names a project file may have, the preferred first. */
export const PROJECT_FILES: readonly string[] = [
  'linkspan.config.ts',
  'linkspan.config.mts',
  'linkspan.config.js',
  'linkspan.config.mjs',
]

/** A project and where it was found. */
export interface LoadedProject {
  readonly project: Project
  readonly file: string
  /** The folder that relative paths of the project start from. */
  readonly directory: string
}

/** The project file: the one given, or the first found from a folder upwards; null when there is none. */
export function findProjectFile(directory: string, given: string | undefined): string | null {
  if (given !== undefined) return givenFile(resolve(directory, given))
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    const found = inFolder(folder)
    if (found !== null) return found
    if (dirname(folder) === folder) return null
  }
}

function givenFile(path: string): string {
  if (!existsSync(path)) throw notFound(`There is no project file ${path}. Correct --project.`)
  if (!statSync(path).isDirectory()) return path
  const found = inFolder(path)
  if (found === null) throw notFound(`The folder ${path} has no ${PROJECT_FILES[0]}. Correct --project.`)
  return found
}

function inFolder(folder: string): string | null {
  const name = PROJECT_FILES.find((each) => existsSync(join(folder, each)))
  return name === undefined ? null : join(folder, name)
}

/** Finds the project file, or says that there is none. */
export function needProjectFile(directory: string, given: string | undefined): string {
  const file = findProjectFile(directory, given)
  if (file !== null) return file
  throw notFound(
    `There is no ${PROJECT_FILES[0]} in ${directory} or in a folder above it. Go to the project's folder, name the file with --project, or begin one with linkspan init.`,
  )
}

function notFound(message: string): LinkspanError {
  return new LinkspanError('CONFIG_NOT_FOUND', message)
}

/** Imports a project file and takes its default export. Rejects with a failure that says where and what to do. */
export async function loadProject(
  modules: ModuleLoader,
  file: string,
  directory: string,
): Promise<LoadedProject> {
  const module = await modules.load(file).catch((thrown: unknown) => {
    throw importFailure(thrown, file, modules.loaded().at(-1), directory)
  })
  return { project: projectIn(module, file), file, directory: dirname(file) }
}

function projectIn(module: Readonly<Record<string, unknown>>, file: string): Project {
  const found = module['default']
  if (found === undefined) {
    const names = Object.keys(module)
    const instead = names.length === 0 ? 'nothing' : `only ${names.join(', ')}`
    throw unreachable(`${file} has no default export; it exports ${instead}. ${EXPECTED}`)
  }
  const fault = faultOf(found)
  if (fault !== null) throw unreachable(`The default export of ${file} is no project: ${fault}. ${EXPECTED}`)
  return found as Project
}

const EXPECTED = 'End the file with: export default defineProject({ journal: …, flows: […] })'

function faultOf(value: unknown): string | null {
  if (typeof value === 'function') return 'it is a function; export what it returns'
  if (value instanceof Promise) return 'it is a promise; await it before exporting'
  if (typeof value !== 'object' || value === null)
    return `it is ${value === null ? 'null' : `a ${typeof value}`}`
  const { journal, flows } = value as { readonly journal?: unknown; readonly flows?: unknown }
  if (typeof (journal as { readonly open?: unknown } | undefined)?.open !== 'function')
    return 'it has no journal, as in journal: sqlite("data/journal.db")'
  if (!Array.isArray(flows)) return 'it has no list of flows, as in flows: [hello]'
  const stranger = flows.findIndex((each) => !isFlow(each))
  return stranger === -1 ? null : `flows[${stranger}] is no flow; a flow is made by flow("name").from(…)`
}

function isFlow(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'definition' in value && 'code' in value
}
