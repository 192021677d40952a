import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServerUser } from '../../scripts/lib/server-user.ts'
import type { Binaries } from './binaries.ts'
import { ids } from './data-folder.ts'

/** A running postmaster with its children. */
export interface ClusterProcess {
  readonly pid: number
  /** The last of what it wrote to its log. */
  log(): string
  /** Resolves when it takes connections; rejects when it has ended instead, or takes too long. */
  ready(limitMs: number): Promise<void>
  signal(name: NodeJS.Signals): void
  /** To the children too, such as SIGSTOP. */
  signalAll(name: NodeJS.Signals): void
  /** Sends the signal and waits until it has ended. */
  end(name: NodeJS.Signals): Promise<void>
  /** Kills the postmaster and all its children at once. */
  kill9(): Promise<void>
}

/** How often a file or a process is looked at while waiting for it. */
const lookMs = 5
const logCharacters = 20_000

/** Starts the server of a data folder. It ends with this process at the latest. */
export function clusterProcess(
  binaries: Binaries,
  data: string,
  port: number,
  user: ServerUser,
): ClusterProcess {
  const child = spawn(binaries.postgres, ['-D', data, '-p', String(port)], {
    cwd: data,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...ids(user),
  })
  const said = collect(child)
  const gone = ended(child)
  const killAll = () => void killFamily(child)
  process.once('exit', killAll)
  void gone.then(() => process.off('exit', killAll))
  return {
    pid: child.pid ?? 0,
    log: said,
    ready: (limitMs) => untilReady({ child, data, said, limitMs }),
    signal: (name) => void child.kill(name),
    signalAll(name) {
      child.kill(name)
      for (const pid of childrenOf(child.pid ?? 0)) kill(pid, name)
    },
    async end(name) {
      child.kill(name)
      await gone
    },
    async kill9() {
      const children = killFamily(child)
      await gone
      await Promise.all(children.map(untilGone))
    },
  }
}

function collect(child: ChildProcess): () => string {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-logCharacters)
  })
  child.once('error', (error) => {
    said += `\n${error.message}`
  })
  return () => said
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

const hasEnded = (child: ChildProcess) =>
  child.exitCode !== null || child.signalCode !== null || child.pid === undefined

interface Wait {
  readonly child: ChildProcess
  readonly data: string
  readonly said: () => string
  readonly limitMs: number
}

async function untilReady({ child, data, said, limitMs }: Wait): Promise<void> {
  const until = performance.now() + limitMs
  while (readinessOf(data, child.pid) !== 'ready') {
    if (hasEnded(child)) throw new Error(`PostgreSQL ended before it was ready:\n${said()}`)
    if (performance.now() > until) {
      throw new Error(`PostgreSQL was not ready after ${limitMs} ms:\n${said()}`)
    }
    await pause(lookMs)
  }
}

/** The first line of `postmaster.pid` is the process, the eighth says how far it is. */
function readinessOf(data: string, pid: number | undefined): string | null {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return null
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines[0] === String(pid) ? (lines[7]?.trim() ?? null) : null
}

/** Stopped first, so that it makes no further children while they are counted. Answers the children. */
function killFamily(child: ChildProcess): readonly number[] {
  if (hasEnded(child) || child.pid === undefined) return []
  child.kill('SIGSTOP')
  const children = childrenOf(child.pid)
  for (const pid of [child.pid, ...children]) kill(pid, 'SIGKILL')
  return children
}

/** The children of a process. */
export function childrenOf(pid: number): readonly number[] {
  const list = `/proc/${pid}/task/${pid}/children`
  const text = existsSync(list)
    ? readFileSync(list, 'utf8')
    : spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' }).stdout
  return text.split(/\s+/).filter(Boolean).map(Number)
}

function kill(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** A killed child of a killed parent stays in the table until its new parent looks; it holds nothing any more. */
async function untilGone(pid: number): Promise<void> {
  while (kill(pid, 0) && !isZombie(pid)) await pause(lookMs)
}

function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return process.platform === 'linux'
  }
}
