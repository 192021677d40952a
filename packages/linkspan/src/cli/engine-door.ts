import { dirname } from 'node:path'
import type { AdminReader } from '../index.ts'
import type { CliDependencies } from './dependencies.ts'
import { unreachable, wrongUse } from './failure.ts'
import type { AdminClient, EngineAddress, JournalReader } from './library.ts'
import { findProjectFile, type LoadedProject, loadProject, needProjectFile } from './project-file.ts'

/** Options that say which engine or project is meant. */
export interface DoorOptions {
  readonly project?: string
  readonly url?: string
  readonly token?: string
}

/** Ways to reach an engine. What is opened is closed by the callback's end. */
export interface EngineDoor {
  /** The project on disk. */
  project(): Promise<LoadedProject>
  /** A running engine; fails with what to do when none runs. */
  withEngine<T>(use: (admin: AdminClient, engine: EngineAddress) => Promise<T>): Promise<T>
  /** A running engine, or else the journal it left. */
  withReader<T>(use: (admin: AdminReader | JournalReader) => Promise<T>): Promise<T>
  /** The journal read by the code on disk, also while an engine with other code runs; or the engine at `--url`. */
  withPresentCode<T>(use: (admin: AdminReader) => Promise<T>): Promise<T>
}

/** Makes the door for one command. */
export function createEngineDoor(dependencies: CliDependencies, options: DoorOptions): EngineDoor {
  const { terminal, modules } = dependencies
  const project = (): Promise<LoadedProject> =>
    loadProject(modules, needProjectFile(terminal.directory, options.project), terminal.directory)

  const client = async (engine: EngineAddress): Promise<AdminClient> =>
    (await dependencies.library()).createAdminClient({ url: engine.url, token: engine.token })

  const withJournal = async <T>(use: (admin: JournalReader) => Promise<T>): Promise<T> => {
    const loaded = await project()
    const library = await dependencies.library()
    const reader = await library.openReader(loaded.project, { directory: loaded.directory })
    try {
      return await use(reader)
    } finally {
      await reader.close()
    }
  }

  return {
    project,
    withEngine: async (use) => {
      const engine = given(dependencies, options) ?? (await running(dependencies, options))
      if (engine === null) throw noEngine(terminal.directory, options.project)
      return use(await client(engine), engine)
    },
    withReader: async (use) => {
      const engine = given(dependencies, options) ?? (await running(dependencies, options))
      return engine === null ? withJournal(use) : use(await client(engine))
    },
    withPresentCode: async (use) => {
      const engine = given(dependencies, options)
      return engine === null ? withJournal(use) : use(await client(engine))
    },
  }
}

function given({ terminal }: CliDependencies, { url, token }: DoorOptions): EngineAddress | null {
  const secret = token ?? terminal.env['LINKSPAN_TOKEN']
  if (url === undefined) {
    if (token !== undefined) throw wrongUse('--token goes with --url: say which engine is meant.')
    return null
  }
  if (!/^https?:\/\/[^/\s]+/.test(url))
    throw wrongUse(`--url ${url} is not the address of an engine. Write it as http://127.0.0.1:7070.`)
  if (!secret)
    throw wrongUse(`An engine at ${url} wants its admin token: give --token, or set LINKSPAN_TOKEN.`)
  return { url: url.replace(/\/+$/, ''), token: secret }
}

async function running(dependencies: CliDependencies, options: DoorOptions): Promise<EngineAddress | null> {
  const { terminal } = dependencies
  const file = findProjectFile(terminal.directory, options.project)
  if (file === null) return null
  const found = await (await dependencies.library()).findEngine(dirname(file))
  if (found === null) return null
  // A killed engine leaves its address behind.
  return found.pid !== undefined && !terminal.isAlive(found.pid) ? null : found
}

function noEngine(directory: string, given: string | undefined): Error {
  const file = needProjectFile(directory, given)
  return unreachable(
    `No engine is running for ${file}. Start it with linkspan run (or linkspan dev), or name another one with --url and --token.`,
  )
}
