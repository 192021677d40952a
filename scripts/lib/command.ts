import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './files.ts'
import { NODE_OPTIONS } from './node-options.ts'

/** A program and its arguments. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  /** The repository's root unless said otherwise. */
  readonly folder?: string
  /** Ends the program and its children, and counts as a failure. */
  readonly limitMs?: number
  /** Runs in a process group of its own, so that at the limit its children end with it. */
  readonly group?: boolean
}

/** What a program printed, both streams as they came, and how it ended. */
export interface Run {
  readonly code: number
  readonly output: string
}

const TWO_MINUTES = 2 * 60_000

/** A tool of node_modules, run by the Node that runs this script. */
export function tool(script: string, ...args: readonly string[]): Command {
  return { file: process.execPath, args: [join(root, 'node_modules', script), ...args] }
}

/** A script of this repository, run by the Node that runs this script. */
export function script(path: string, ...args: readonly string[]): Command {
  return { file: process.execPath, args: [...NODE_OPTIONS, join(root, path), ...args] }
}

export const tsc = (...args: readonly string[]): Command => tool('typescript/bin/tsc', ...args)
export const biome = (...args: readonly string[]): Command => tool('@biomejs/biome/bin/biome', ...args)

/** npm as it runs us, so that `npm test` means the same thing here as at the prompt. */
export function npm(...args: readonly string[]): Command {
  const own = process.env['npm_execpath']
  return own === undefined ? { file: 'npm', args } : { file: process.execPath, args: [own, ...args] }
}

/** Runs a program without colours and collects what it prints. Never rejects: a failed start is a failed run. */
export function run(command: Command): Promise<Run> {
  const chunks: string[] = []
  return new Promise((resolve) => {
    const child = spawn(command.file, command.args, {
      cwd: command.folder ?? root,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: isGroup(command),
    })
    const release = guard(child, command, (note) => chunks.push(note))
    const done = (code: number) => {
      release()
      resolve({ code, output: plain(chunks.join('')) })
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => chunks.push(text))
    }
    child.on('error', (error) => {
      chunks.push(`${command.file} did not start: ${error.message}\n`)
      done(127)
    })
    child.on('close', (code) => done(code ?? 1))
  })
}

/** Ends the child at its limit, and when we are told to end ourselves. Returns how to let it go. */
function guard(child: ChildProcess, command: Command, say: (note: string) => void): () => void {
  const limitMs = command.limitMs ?? TWO_MINUTES
  const end = () => kill(child.pid, isGroup(command))
  const timer = setTimeout(() => {
    say(`\nended after ${limitMs / 1000} s, its limit\n`)
    end()
  }, limitMs)
  const stop = () => {
    end()
    process.exit(130)
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return () => {
    clearTimeout(timer)
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

function isGroup(command: Command): boolean {
  return command.group === true && process.platform !== 'win32'
}

function environment(): NodeJS.ProcessEnv {
  const { FORCE_COLOR: _colours, NODE_OPTIONS: _options, ...rest } = process.env
  return { ...rest, NO_COLOR: '1' }
}

function kill(pid: number | undefined, group: boolean): void {
  if (pid === undefined) return
  try {
    process.kill(group ? -pid : pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const ANSI = /\u001b\[[0-9;]*[A-Za-z]/g

function plain(text: string): string {
  return text.replaceAll(ANSI, '')
}
