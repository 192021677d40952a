/** Flips single bits in the files of a journal, thousands of them, each in a process whose end would be noticed. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import { seeded } from '../rig/seeded.ts'
import type { Outcome } from './scenario.ts'

/** One bit to flip. */
export interface FlipTask {
  readonly name: string
  /** Where in the file, from 0 to 1. */
  readonly share: number
  readonly underLoad: boolean
  /** Only the content of messages is hit. */
  readonly inContent: boolean
}

/** What came of it. */
export interface FlipTold extends Outcome {
  readonly bit: number
}

/** How bits are flipped. */
export interface FlipOptions {
  /** An empty folder. */
  readonly folder: string
  readonly flips: number
  readonly seed: number
  /** @default true */
  readonly checksums?: boolean
  /** Only the content of messages is hit, in the database. @default false */
  readonly inContent?: boolean
  readonly seconds?: number
  readonly onProgress?: (done: number) => void
}

/** What was found. */
export interface FlipResult {
  readonly violations: readonly { readonly kind: string; readonly says: string }[]
  readonly flips: number
  /** How often which outcome was seen, by file and by whether it was at rest. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Most of a journal's bits are in its database, but those of the others count as much. */
const NAMES = ['hub.db', 'hub.db', 'hub.db-wal', 'hub.db-wal', 'hub.db-mark'] as const
const LIMIT_MS = 60_000

/** The bit of a place in the row of flips: the same whatever came of those before. */
export function taskOf(seed: number, nth: number, inContent = false): FlipTask {
  const random = seeded(seed * 1_000_003 + nth)
  const name = NAMES[Math.floor(random() * NAMES.length)] as string
  return { name: inContent ? 'hub.db' : name, underLoad: random() < 0.5, share: random(), inContent }
}

/** Runs them, over two processes. */
export async function flipBits(options: FlipOptions): Promise<FlipResult> {
  const { flips, seed, seconds = Number.POSITIVE_INFINITY } = options
  const violations: { kind: string; says: string }[] = []
  const outcomes: Record<string, Record<string, number>> = {}
  const deadline = Date.now() + seconds * 1_000
  let next = 0
  let done = 0
  const lane = async (): Promise<void> => {
    let flipper: Flipper | null = null
    while (next < flips && Date.now() < deadline) {
      const nth = next
      next += 1
      const task = taskOf(seed, nth, options.inContent)
      flipper ??= await startFlipper(options)
      const told = await flipper.flip(task)
      const where = `${task.name}, ${task.underLoad ? 'under load' : 'at rest'}`
      const { says, violation } = judged(told)
      if (violation !== null)
        violations.push({ kind: violation, says: `flip ${nth} of seed ${seed}, ${where}: ${says}` })
      const seen = outcomes[where] ?? {}
      outcomes[where] = seen
      seen[violation ?? says] = (seen[violation ?? says] ?? 0) + 1
      done += 1
      if ('ended' in told) flipper = null
      options.onProgress?.(done)
    }
    flipper?.end()
  }
  await Promise.all([lane(), lane()])
  return { violations, flips: done, outcomes }
}

type Told = FlipTold | { readonly failed: string } | { readonly ended: string }

function judged(told: Told): { readonly says: string; readonly violation: string | null } {
  if ('ended' in told) return { says: told.ended, violation: 'ended' }
  if ('failed' in told) return { says: told.failed, violation: 'failed' }
  const { told: said, wrong, bit } = told
  if (said.length === 0 && wrong.length > 0)
    return { says: `bit ${bit}, silently: ${wrong.join(', ')}`, violation: 'silent' }
  const [first = 'nothing', ...rest] = said
  const onlyVerify = [first, ...rest].every((line) => line.startsWith('verify'))
  const what =
    onlyVerify && first !== 'nothing' ? 'found by verify' : first.replace(/[:"].*|\d+/gs, '').trim()
  return { says: wrong.length > 0 ? `${what}, some did not run` : what, violation: null }
}

interface Flipper {
  flip(task: FlipTask): Promise<Told>
  end(): void
}

async function startFlipper({ folder, seed, checksums = true }: FlipOptions): Promise<Flipper> {
  const program = fileURLToPath(new URL('flipper.ts', import.meta.url))
  const child: ChildProcess = fork(program, [folder, String(seed), checksums ? 'on' : 'off'], {
    execPath,
    execArgv: [...NODE_OPTIONS, '--max-old-space-size=1024'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  return {
    flip: (task) => flipIn(child, task),
    end: () => void child.kill('SIGKILL'),
  }
}

async function flipIn(child: ChildProcess, task: FlipTask): Promise<Told> {
  const answer = Promise.withResolvers<Told>()
  const onExit = (code: number | null, signal: string | null): void =>
    answer.resolve({ ended: `the process ended with ${code ?? signal} (${JSON.stringify(task)})` })
  const onMessage = (told: Told): void => answer.resolve(told)
  const timer = setTimeout(() => {
    answer.resolve({ ended: `it hung for ${LIMIT_MS} ms (${JSON.stringify(task)})` })
    child.kill('SIGKILL')
  }, LIMIT_MS)
  child.once('exit', onExit).once('message', onMessage)
  child.send(task)
  try {
    return await answer.promise
  } finally {
    clearTimeout(timer)
    child.off('exit', onExit).off('message', onMessage)
  }
}

/** Where flips are tried: nothing here depends on the disk's own promises, so a disk in memory will do. */
export function memoryFolder(otherwise: string): string {
  return existsSync('/dev/shm') ? '/dev/shm' : otherwise
}
