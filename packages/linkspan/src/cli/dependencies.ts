import type { DevWorld } from './dev/dev-world.ts'
import type { Library } from './library.ts'
import type { Terminal } from './terminal.ts'

/** Loads the user's modules and remembers which files that took. */
export interface ModuleLoader {
  /** Imports a file; rejects with what the import threw. */
  load(file: string): Promise<Readonly<Record<string, unknown>>>
  /** The files loaded so far, in order, without those of installed packages. */
  loaded(): readonly string[]
}

/** Everything the command line needs; `main.ts` binds the real ones, tests bind fakes. */
export interface CliDependencies {
  readonly terminal: Terminal
  /** Loaded when first needed: `linkspan --help` should not wait for an engine. */
  readonly library: () => Promise<Library>
  readonly modules: ModuleLoader
  /** What `linkspan dev` does to processes and files. */
  readonly dev: DevWorld
  /** This package: its version, its folder, and whether it runs from a checkout instead of an installed package. */
  readonly self: { readonly version: string; readonly folder: string; readonly checkout: boolean }
}
