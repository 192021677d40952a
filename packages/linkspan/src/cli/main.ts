import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CliDependencies } from './dependencies.ts'
import { launchChild, probeInChild } from './dev/child-processes.ts'
import { watchFiles } from './dev/watch-files.ts'
import type { ExitCode } from './exit-code.ts'
import type { Library } from './library.ts'
import { nodeModuleLoader } from './module-loader.ts'
import { runCommandLine } from './program.ts'
import { systemTerminal } from './system-terminal.ts'

/**
 * Runs one command line, without the program's own name, and answers the exit code. Never rejects.
 *
 * @example
 * ```ts
 * import { main } from 'linkspan/cli'
 * process.exitCode = await main(['init', 'my-hub'])
 * ```
 */
export function main(args: readonly string[]): Promise<ExitCode> {
  return runCommandLine(realDependencies(), args)
}

const FOLDER = fileURLToPath(new URL('../..', import.meta.url))

function realDependencies(): CliDependencies {
  const terminal = systemTerminal()
  const child = { bin: join(FOLDER, 'bin', 'linkspan.js'), directory: terminal.directory }
  return {
    terminal,
    library: loadLibrary,
    modules: nodeModuleLoader(FOLDER),
    dev: {
      probe: (file) => probeInChild(child, file),
      launch: (file, args) => launchChild(child, file, args),
      watch: watchFiles,
    },
    self: { version: ownVersion(), folder: FOLDER, checkout: import.meta.url.endsWith('.ts') },
  }
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as { version: string }).version
}

/** The one place that binds the command line to the library. */
async function loadLibrary(): Promise<Library> {
  const [core, serve] = await Promise.all([import('../index.ts'), import('../serve/index.ts')])
  return {
    createEngine: core.createEngine,
    openReader: core.openReader,
    copyJournal: core.copyJournal,
    isReference: core.isReference,
    lookup: core.lookup,
    mermaid: core.mermaid,
    svg: core.svg,
    outline: core.outline,
    graph: core.graph,
    createAdminClient: serve.createAdminClient,
    findEngine: serve.findEngine,
    consoleLink: serve.consoleLink,
  }
}
