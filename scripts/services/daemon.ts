import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Program } from './service.ts'

/** A process that we started and that goes on without us. */
export interface Daemon {
  readonly pid: number
  /** Tells it from a later process of the same id. */
  readonly startedAt: string
}

const pidFile = (folder: string) => join(folder, 'process.json')
const logFile = (folder: string) => join(folder, 'log')

/** The process that the folder remembers, if it still is that process. */
export function running(folder: string): Daemon | null {
  if (!existsSync(pidFile(folder))) return null
  const daemon = JSON.parse(readFileSync(pidFile(folder), 'utf8')) as Daemon
  return startOf(daemon.pid) === daemon.startedAt ? daemon : null
}

/** Starts a program, and remembers it in the folder. */
export function startDaemon(program: Program, folder: string): Daemon {
  const log = openSync(logFile(folder), 'w')
  const child = spawn(program.file, program.args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', ...program.env },
    ...program.user,
  })
  child.on('error', (error) => writeFileSync(logFile(folder), error.message, { flag: 'a' }))
  child.unref()
  closeSync(log)
  const pid = child.pid ?? 0
  const daemon = { pid, startedAt: startOf(pid) ?? '' }
  writeFileSync(pidFile(folder), JSON.stringify(daemon))
  return daemon
}

/** Asks the process of the folder to end and waits for it; after the limit it is killed. Answers whether it ran. */
export async function stopDaemon(folder: string, signal: NodeJS.Signals, limitMs: number): Promise<boolean> {
  const daemon = running(folder)
  if (daemon !== null) {
    process.kill(daemon.pid, signal)
    // One that is frozen hears nothing before it goes on.
    signalDaemon(folder, 'SIGCONT')
    const until = performance.now() + limitMs
    while (running(folder) !== null) {
      if (performance.now() > until) process.kill(daemon.pid, 'SIGKILL')
      await pause(20)
    }
  }
  rmSync(pidFile(folder), { force: true })
  return daemon !== null
}

/** Sends a signal to the process of the folder and to all that it started. Answers whether it ran. */
export function signalDaemon(folder: string, signal: NodeJS.Signals): boolean {
  const daemon = running(folder)
  if (daemon === null) return false
  for (const pid of withChildren(daemon.pid)) sendTo(pid, signal)
  return true
}

/** Ends the process of the folder and all that it started, at once, and waits until it is gone. Answers whether it ran. */
export async function killDaemon(folder: string): Promise<boolean> {
  const daemon = running(folder)
  const all = daemon === null ? [] : withChildren(daemon.pid).map((pid) => ({ pid, startedAt: startOf(pid) }))
  for (const { pid } of all) sendTo(pid, 'SIGKILL')
  // Those that it started hold its ports a moment longer than itself.
  while (all.some(({ pid, startedAt }) => startedAt !== null && startOf(pid) === startedAt)) await pause(20)
  rmSync(pidFile(folder), { force: true })
  return daemon !== null
}

/** A process and those that it started, and so on, the oldest first. */
function withChildren(pid: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const)
  const found = [pid]
  for (const parent of found) found.push(...parents.filter(([, of]) => of === parent).map(([child]) => child))
  return found
}

const parentOf = (pid: number) => Number(statOf(pid)?.[1] ?? 0)

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The end of what it wrote. */
export function lastWords(folder: string): string {
  return existsSync(logFile(folder)) ? readFileSync(logFile(folder), 'utf8').trim().slice(-2_000) : ''
}

/**
 * When a process started, in ticks since the machine did; null where there is none, or only its remains. A process whose
 * first thread is dead holds its ports for as long as others of its threads live.
 */
function startOf(pid: number): string | null {
  const fields = statOf(pid)
  if (fields === null) return null
  const [state, threads, started] = [fields[0], Number(fields[17]), fields[19] ?? null]
  return state === 'Z' && threads <= 1 ? null : started
}

/** What the kernel says of a process, from its state on (proc(5), stat); null where there is none. */
function statOf(pid: number): readonly string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? null
  } catch {
    return null
  }
}
