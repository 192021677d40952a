import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { FinalLine, ReadyLine } from '../participant/protocol.ts'

export type StartedParticipant = {
  readonly pid: number
  readonly ports: readonly number[]
  /** SIGTERM, then SIGKILL after the limit; the final line where it came. */
  readonly stop: () => Promise<FinalLine | undefined>
}

export type Command = {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd?: string
}

const readyLimitMs = 60_000
const stopLimitMs = 20_000

/** Starts a participant and waits for its ready line; its error output is shown if that does not come. */
export const startParticipant = async (name: string, command: Command): Promise<StartedParticipant> => {
  const child = spawn(command.command, command.args, {
    env: { ...process.env, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  })
  const errors = tail(child)
  let final: FinalLine | undefined
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let isReady = false
  let stopping = false
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.once('exit', (code, signal) => {
    if (isReady && !stopping) console.error(`${name} ended by itself with ${code ?? signal}\n${errors()}`)
  })
  const ready = await new Promise<ReadyLine>((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`${name} ${reason}\n${errors()}`))
    const late = setTimeout(() => fail(`printed no ready line in ${readyLimitMs / 1000} s`), readyLimitMs)
    child.once('error', (error) => fail(`did not start: ${error.message}`))
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal} before its ready line`))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = jsonLine(line)
      if (said !== undefined && 'final' in said) final = said
      if (said === undefined || !('ready' in said)) return
      clearTimeout(late)
      isReady = true
      resolve(said)
    })
  }).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })
  return {
    pid: child.pid!,
    ports: ready.ports,
    stop: async () => {
      stopping = true
      const late = setTimeout(kill, stopLimitMs)
      if (child.exitCode === null) child.kill('SIGTERM')
      await gone
      clearTimeout(late)
      process.off('exit', kill)
      return final
    },
  }
}

const jsonLine = (line: string): ReadyLine | FinalLine | undefined => {
  if (!line.startsWith('{')) return undefined
  try {
    const value = JSON.parse(line) as unknown
    return typeof value === 'object' && value !== null && ('ready' in value || 'final' in value)
      ? (value as ReadyLine | FinalLine)
      : undefined
  } catch {
    return undefined
  }
}

const tail = (child: ChildProcess): (() => string) => {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-4000)
  })
  return () => text
}
