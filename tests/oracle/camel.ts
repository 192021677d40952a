/** Camel in a process of its own: cases go in, outcomes come out. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Case, Outcome } from './case.ts'

/** How the program of `camel/` is started. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
}

/** What answers cases. */
export interface Camel {
  readonly versions: Readonly<Record<'camel' | 'java', string>>
  /** How often a case was run again, as this machine was late. */
  readonly again: number
  /** Rejects where Camel could not run it; null where the machine was always too late to judge by time. */
  run(one: Case): Promise<Outcome | null>
  /** Runs it at the slowest, where a machine that is late now and then makes no difference. */
  runSlowly(one: Case): Promise<Outcome | null>
  stop(): Promise<void>
}

interface Answer extends Outcome {
  readonly id: string
  readonly error?: string
  /** How late something was done that time depends on. */
  readonly lateMs?: number
}

/** The length of a tick, of which two and a half are whole seconds; it is doubled each time when the machine was too late. */
const TICK_MS = [400, 800, 1_600, 3_200] as const
const SLOW_MS = TICK_MS.slice(-1)
/** Nothing happens within half a tick of what it could be confused with. */
const LATEST = 1 / 5

/** Starts Camel and waits for its versions. */
export async function startCamel({ command, args }: Program): Promise<Camel> {
  const child = spawn(command, [...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const asked = new Map<string, { resolve(answer: Answer): void; reject(error: Error): void }>()
  const lines = createInterface({ input: child.stdout })
  const failed = (error: Error): void => {
    for (const { reject } of asked.values()) reject(error)
    asked.clear()
  }
  const versions = firstLine(lines, child)
  child.once('error', failed)
  child.once('exit', (code) => failed(new Error(`Camel's process ended with ${code}.`)))
  const known = await versions
  lines.on('line', (line) => {
    const answer = JSON.parse(line) as Answer
    asked.get(answer.id)?.resolve(answer)
    asked.delete(answer.id)
  })
  let again = 0
  let requests = 0
  const ask = (one: Case, tickMs: number): Promise<Answer> =>
    new Promise((resolve, reject) => {
      requests += 1
      const id = `${requests} ${one.id}`
      asked.set(id, { resolve, reject })
      child.stdin.write(`${JSON.stringify({ ...one, id, tickMs })}\n`)
    })
  const within = async (ticks: readonly number[], one: Case): Promise<Outcome | null> => {
    for (const tickMs of ticks) {
      const { seen, ends, error, lateMs = 0 } = await ask(one, tickMs)
      if (error !== undefined) throw new Error(`Camel could not run ${one.id}: ${error}`)
      if (lateMs <= tickMs * LATEST) return { seen, ends }
      again += 1
    }
    return null
  }
  return {
    versions: known,
    get again() {
      return again
    },
    run: (one) => within(TICK_MS, one),
    runSlowly: (one) => within(SLOW_MS, one),
    async stop() {
      child.removeAllListeners('exit')
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
    },
  }
}

type Spoken = ChildProcess & { readonly stdin: Writable; readonly stdout: Readable }

async function firstLine(
  lines: ReturnType<typeof createInterface>,
  child: Spoken,
): Promise<Camel['versions']> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Camel's process ended with ${code} before it was ready.`)
  })
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
  ended.catch(() => undefined)
  return JSON.parse(line) as Camel['versions']
}
