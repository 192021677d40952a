import type { DevWorld, EngineChild, Probe } from './dev-world.ts'
import { type FlowChanges, type FlowPrint, flowChanges } from './flow-changes.ts'

/** What happens while developing, to be told to a person. */
export type DevEvent =
  | { readonly kind: 'loaded'; readonly flows: readonly FlowPrint[] }
  | { readonly kind: 'changed'; readonly files: readonly string[]; readonly changes: FlowChanges }
  | { readonly kind: 'broken'; readonly error: string; readonly running: boolean }
  | { readonly kind: 'running'; readonly url: string | null }
  | { readonly kind: 'notStarted'; readonly error: string }
  | { readonly kind: 'engineEnded'; readonly code: number | null }
  | { readonly kind: 'stopping' }

/** What a {@link DevLoop} needs. */
export interface DevLoopSettings {
  readonly world: DevWorld
  readonly projectFile: string
  /** Further arguments of `linkspan run` for the engine. */
  readonly runArgs: readonly string[]
  /** How long an engine may take to stop before its process is killed. */
  readonly killAfterMs: number
  readonly report: (event: DevEvent) => void
}

/** Runs a project and reloads it when its files change. */
export interface DevLoop {
  /** Resolves when the first load has come out, well or not. */
  start(): Promise<void>
  stop(): void
  /** Resolves when everything it started has ended. */
  readonly ended: Promise<void>
}

/**
 * Makes a {@link DevLoop}. Reloads run one after another; changes that arrive meanwhile are gathered for the next.
 * A new project is loaded in a process of its own before the running engine is stopped.
 */
export function createDevLoop({
  world,
  projectFile,
  runArgs,
  killAfterMs,
  report,
}: DevLoopSettings): DevLoop {
  const end = Promise.withResolvers<void>()
  let flows: readonly FlowPrint[] | null = null
  let engine: EngineChild | null = null
  let watched: ReadonlySet<string> = new Set()
  let sound = true
  let unwatch = (): void => {}
  let waiting = new Set<string>()
  let busy = false
  let stopped = false

  async function work(): Promise<void> {
    if (busy) return
    busy = true
    do {
      const files = [...waiting]
      waiting = new Set()
      await reload(files)
    } while (waiting.size > 0 && !stopped)
    busy = false
    if (stopped) await finish()
  }

  async function reload(files: readonly string[]): Promise<void> {
    const probe = await world.probe(projectFile)
    if (stopped) return
    watch(probe)
    if (waiting.size > 0) {
      waiting = new Set([...files, ...waiting])
      return
    }
    if (!probe.ok) return report({ kind: 'broken', error: probe.error, running: engine !== null })
    if (flows === null) report({ kind: 'loaded', flows: probe.flows })
    else report({ kind: 'changed', files, changes: flowChanges(flows, probe.flows) })
    flows = probe.flows
    await replaceEngine()
  }

  /** A broken load may not have come to all files, so those of the last good one stay watched. */
  function watch(probe: Probe): void {
    const files = new Set([projectFile, ...probe.files, ...(probe.ok ? [] : watched)])
    const same = files.size === watched.size && [...files].every((file) => watched.has(file))
    if (same && probe.ok === sound) return
    unwatch()
    watched = files
    sound = probe.ok
    const changed = (names: readonly string[]): void => {
      for (const name of names) waiting.add(name)
      void work()
    }
    unwatch = world.watch([...files], changed, { newFiles: !probe.ok })
  }

  async function replaceEngine(): Promise<void> {
    await stopEngine()
    // What changed meanwhile has to load first.
    if (stopped || waiting.size > 0) return
    const child = world.launch(projectFile, runArgs)
    engine = child
    void child.ended.then((code) => lost(child, code))
    await child.ready.then(
      ({ url }) => report({ kind: 'running', url }),
      (error: Error) => stopped || report({ kind: 'notStarted', error: error.message }),
    )
  }

  async function stopEngine(): Promise<void> {
    const old = engine
    engine = null
    if (old === null) return
    old.stop(killAfterMs)
    await old.ended
  }

  /** An engine that ends by itself is not started again until something changes: it would most likely end again. */
  function lost(child: EngineChild, code: number | null): void {
    if (engine !== child) return
    engine = null
    void child.ready.then(
      () => report({ kind: 'engineEnded', code }),
      () => {},
    )
  }

  async function finish(): Promise<void> {
    unwatch()
    await stopEngine()
    end.resolve()
  }

  return {
    start: work,
    stop: () => {
      if (stopped) return
      stopped = true
      report({ kind: 'stopping' })
      engine?.stop(killAfterMs)
      if (!busy) void finish()
    },
    ended: end.promise,
  }
}
