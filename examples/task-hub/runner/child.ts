import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { arch, platform } from 'node:process'

/** A process of this run. It ends when the runner does, because its channel to the runner closes. */
export interface Child {
  readonly name: string
  readonly pid: number
  /** Resolves when the process has ended, with how. Never rejects. */
  readonly ended: Promise<string>
  hasEnded(): boolean
  kill(signal: NodeJS.Signals): void
  onMessage(listener: (message: unknown) => void): void
  /** The last lines of what it printed. */
  lastWords(): string
}

/** What a process is started with. */
export interface ChildOptions {
  readonly file: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Takes what it prints. */
  readonly output: string
}

const LAST_WORDS = 15

// V8 can lose track of its own pages of code where the processor has memory protection keys, and ends the process
// (nodejs/node#64500); that would be one kill too many.
const STEADY = platform === 'linux' && arch === 'x64' ? ['--no-memory-protection-keys'] : []

/** Starts a TypeScript file as a process of its own, with this process's Node. */
export function startChild(options: ChildOptions): Child {
  const output = openSync(options.output, 'a')
  const child = spawn(process.execPath, ['--conditions=source', ...STEADY, options.file, ...options.args], {
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...process.env, ...options.env },
  })
  closeSync(output)
  const name = basename(options.file, '.ts')
  const ended = endOf(child)
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    kill: (signal) => {
      child.kill(signal)
    },
    onMessage: (listener) => {
      child.on('message', listener)
    },
    lastWords: () => readFileSync(options.output, 'utf8').trimEnd().split('\n').slice(-LAST_WORDS).join('\n'),
  }
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
    )
  })
}

/** Ends a process: asks first, and insists when it has not ended in time. */
export async function endChild(child: Child, patienceMs: number): Promise<void> {
  if (child.hasEnded()) return
  child.kill('SIGTERM')
  const insist = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await child.ended
  clearTimeout(insist)
}

/** Throws when a process has ended by itself, with its last words. */
export function diedError(child: Child, how: string): Error {
  return new Error(`${child.name} ${how}. It said at last:\n${child.lastWords()}`)
}
