import { type ChildProcess, fork } from 'node:child_process'
import type { EngineChild, Probe } from './dev-world.ts'

/** What is needed to start this command line again in a process of its own. */
export interface ChildSettings {
  /** The file that starts the command line. */
  readonly bin: string
  readonly directory: string
}

/** Loads a project in a process of its own. */
export function probeInChild({ bin, directory }: ChildSettings, projectFile: string): Promise<Probe> {
  const child = fork(bin, ['probe', '--project', projectFile], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const { promise, resolve } = Promise.withResolvers<Probe>()
  const broken = (error: string): void => resolve({ ok: false, error, files: [] })
  child.on('message', (message: { readonly probe?: Probe }) => {
    if (message.probe === undefined) return
    resolve(message.probe)
    // A project that keeps its process busy after loading has answered all the same.
    child.kill()
  })
  child.on('error', (error) =>
    broken(`error: The project could not be loaded in a process of its own: ${error.message}`),
  )
  child.on('exit', (code, signal) =>
    broken(
      `error: The project ended the process that loaded it (${signal ?? `exit code ${code}`}). A project file only exports; remove what ends the process.`,
    ),
  )
  return promise
}

/** Starts the engine of a project in a process of its own, under the eyes of this one. */
export function launchChild(
  { bin, directory }: ChildSettings,
  projectFile: string,
  args: readonly string[],
): EngineChild {
  const child = fork(bin, ['run', '--project', projectFile, ...args], {
    cwd: directory,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ready = Promise.withResolvers<{ readonly url: string | null }>()
  const ended = Promise.withResolvers<number | null>()
  child.on('message', (message: { readonly ready?: { readonly url: string | null } }) => {
    if (message.ready !== undefined) ready.resolve(message.ready)
  })
  child.on('error', (error) => {
    ready.reject(error)
    ended.resolve(null)
  })
  child.on('exit', (code, signal) => {
    ready.reject(new Error(`it ended with ${signal ?? `exit code ${code}`}, for the reason above`))
    ended.resolve(code)
  })
  return {
    ready: ready.promise,
    ended: ended.promise,
    stop: (killAfterMs) => stopGracefully(child, killAfterMs),
  }
}

function stopGracefully(child: ChildProcess, killAfterMs: number): void {
  if (child.exitCode !== null || child.signalCode !== null) return
  if (child.connected) child.send('stop')
  else child.kill('SIGTERM')
  const kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  child.once('exit', () => clearTimeout(kill))
}
