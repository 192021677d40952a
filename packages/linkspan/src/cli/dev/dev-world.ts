import type { FlowPrint } from './flow-changes.ts'

/** What loading a project in a process of its own found. */
export type Probe =
  | { readonly ok: true; readonly flows: readonly FlowPrint[]; readonly files: readonly string[] }
  | { readonly ok: false; readonly error: string; readonly files: readonly string[] }

/** An engine in a child process. */
export interface EngineChild {
  /** Resolves when the engine accepts messages; rejects when it ended before that. */
  readonly ready: Promise<{ readonly url: string | null }>
  /** Resolves with the exit code, null after a signal. */
  readonly ended: Promise<number | null>
  /** Asks for a graceful stop; kills the process when that takes longer than the limit. */
  stop(killAfterMs: number): void
}

/** What is watched beside the named files. */
export interface WatchOptions {
  /** Whether modules that appear beside them count too: one of them may be what a broken project lacks. */
  readonly newFiles: boolean
}

/** The processes and files around {@link createDevLoop}. */
export interface DevWorld {
  /** Loads the project in a fresh process and answers what it found. */
  probe(projectFile: string): Promise<Probe>
  /** Starts the engine of the project in a fresh process. */
  launch(projectFile: string, args: readonly string[]): EngineChild
  /** Calls `changed` with the files of the list that changed, shortly after they did; answers how to end it. */
  watch(
    files: readonly string[],
    changed: (files: readonly string[]) => void,
    options: WatchOptions,
  ): () => void
}
