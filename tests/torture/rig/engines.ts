/** The engines under torture: started, killed, stopped where they are, and waited for. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { LineLog } from './line-log.ts'
import { ended, hasEnded, printedBy } from './programs.ts'
import type { RigLine } from './protocol.ts'

/** One of the engines, through all its lives. */
export interface Engine {
  readonly nth: number
  readonly state: 'starting' | 'running' | 'stopped'
  /** Waits until it serves. Rejects when it ended by itself, or takes too long. */
  serving(): Promise<void>
  /** SIGKILL, and a new life at once. */
  kill(): Promise<void>
  /** SIGSTOP, and SIGCONT after a time. It has to be running. */
  stopFor(ms: number): void
  /** Sets its wall clock to so much after the machine's, in this life and those to come. */
  setClock(offsetMs: number): void
  /** Kills it, and starts it with its wall clock there. */
  restartAt(offsetMs: number): Promise<void>
  /** Resolves when it is not stopped. */
  readonly continued: Promise<void>
}

/** What engines take. */
export interface EngineOptions {
  readonly folder: string
  readonly log: LineLog<RigLine>
  readonly start: (clockMs: number) => ChildProcess
  /** Whether it may end by itself while it starts: its database may be down. */
  readonly mayFail: boolean
}

interface Life {
  readonly process: ChildProcess
  readonly ready: Promise<void>
  isReady: boolean
}

const START_LIMIT_MS = 180_000
const AGAIN_MS = 200

/** The name under which an engine prints. */
export const printedAs = (nth: number): string => `engine-${nth}`

/** Starts an engine. */
export function createEngine(nth: number, { folder, log, start, mayFail }: EngineOptions): Engine {
  let clockMs = 0
  let life = begin()
  let isStopped = false
  let continued: Promise<void> = Promise.resolve()

  function begin(): Life {
    const began = Date.now()
    log.add({ t: 'start', engine: nth, at: began })
    const process = start(clockMs)
    const next: Life = {
      process,
      isReady: false,
      ready: once(process, 'message').then(() => {
        next.isReady = true
        log.add({ t: 'ready', engine: nth, at: Date.now(), ms: Date.now() - began })
      }),
    }
    next.ready.catch(() => undefined)
    return next
  }

  const byItself = (): Error =>
    new Error(
      `Engine ${nth} ended by itself with ${life.process.exitCode ?? life.process.signalCode}.${printedBy(folder, printedAs(nth))}`,
    )

  const again = async (): Promise<void> => {
    if (life.isReady || !mayFail) throw byItself()
    log.add({ t: 'gone', engine: nth, at: Date.now(), code: life.process.exitCode })
    await pause(AGAIN_MS)
    life = begin()
  }

  return {
    nth,
    get state() {
      if (isStopped) return 'stopped'
      return life.isReady ? 'running' : 'starting'
    },
    get continued() {
      return continued
    },
    async serving() {
      const deadline = Date.now() + START_LIMIT_MS
      while (!life.isReady || hasEnded(life.process)) {
        if (hasEnded(life.process)) await again()
        if (Date.now() > deadline)
          throw new Error(
            `Engine ${nth} did not start within ${START_LIMIT_MS} ms.${printedBy(folder, printedAs(nth))}`,
          )
        await pause(5)
      }
    },
    async kill() {
      if (hasEnded(life.process)) await again()
      const when = life.isReady ? 'running' : 'starting'
      const dying = ended(life.process, 'SIGKILL')
      log.add({ t: 'kill', engine: nth, at: Date.now(), when })
      await dying
      life = begin()
    },
    stopFor(ms) {
      const { process } = life
      const at = Date.now()
      process.kill('SIGSTOP')
      isStopped = true
      log.add({ t: 'stopped', engine: nth, at })
      continued = pause(ms).then(() => {
        log.add({ t: 'continued', engine: nth, at: Date.now(), ms: Date.now() - at })
        process.kill('SIGCONT')
        isStopped = false
      })
    },
    setClock(offsetMs) {
      clockMs = offsetMs
      log.add({ t: 'clock', engine: nth, at: Date.now(), offsetMs })
      if (life.process.connected) life.process.send({ clockMs })
    },
    async restartAt(offsetMs) {
      clockMs = offsetMs
      log.add({ t: 'ahead', engine: nth, at: Date.now(), offsetMs })
      await ended(life.process, 'SIGKILL')
      life = begin()
    },
  }
}
