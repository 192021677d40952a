/** Starts and ends the programs of the rig. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'

/** Starts a program of the rig by the name of its file. */
export type StartProgram = (
  name: string,
  args: readonly (string | number)[],
  printed?: string,
  /** Beside what this process has in its environment. */
  environment?: NodeJS.ProcessEnv,
) => ChildProcess

/** What programs print goes to a file in the folder; those that are alive are among the children. */
export function programs(folder: string, children: Set<ChildProcess>): StartProgram {
  return (name, args, printed = name, environment = {}) => {
    const output = openSync(printFile(folder, printed), 'a')
    const child = fork(fileURLToPath(new URL(name, import.meta.url)), args.map(String), {
      execPath,
      env: { ...process.env, ...environment },
      execArgv: [...NODE_OPTIONS],
      stdio: ['ignore', output, output, 'ipc'],
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
}

/** Whether a program has ended. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Asks a program to end, and waits for it. */
export async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
  if (hasEnded(child)) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

function printFile(folder: string, printed: string): string {
  return join(folder, `${printed}.log`)
}

/** The end of what a program of the rig printed, for an error message. */
export function printedBy(folder: string, printed: string): string {
  return `\n${readFileSync(printFile(folder, printed), 'utf8').slice(-2_000)}`
}
