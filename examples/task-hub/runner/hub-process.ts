import { setTimeout as pause } from 'node:timers/promises'
import { type Child, diedError, endChild, startChild } from './child.ts'

/** The hub as the runner sees it: a process that is started, killed and started again on one port. */
export interface HubProcess {
  readonly url: string
  pid(): number
  /** Starts it and waits until it is ready. Resolves with how long that took. */
  start(): Promise<number>
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>
  /** Lets it finish. */
  stop(): Promise<void>
  /** Rejects when it ends without having been told to. */
  readonly failed: Promise<never>
}

/** How the hub is started. */
export interface HubOptions {
  readonly file: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  readonly output: string
}

const READY_WITHIN_MS = 180_000
const ASK_EVERY_MS = 15
const STOP_PATIENCE_MS = 10_000

/** Prepares the hub's process; nothing runs until `start`. */
export function hubProcess(options: HubOptions): HubProcess {
  const url = `http://127.0.0.1:${options.port}`
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => undefined)
  let child: Child | null = null
  let expected = false
  const end = async (how: (running: Child) => Promise<void> | void): Promise<void> => {
    if (child === null) return
    expected = true
    await how(child)
    await child.ended
  }
  return {
    url,
    failed: failure.promise,
    pid: () => child?.pid ?? 0,
    start: async () => {
      expected = false
      const started = startChild({ file: options.file, args: [], env: options.env, output: options.output })
      child = started
      const dead = started.ended.then((how) => {
        if (!expected) failure.reject(diedError(started, how))
        return null
      })
      return awaitReady(url, dead)
    },
    kill: () => end((running) => running.kill('SIGKILL')),
    stop: () => end((running) => endChild(running, STOP_PATIENCE_MS)),
  }
}

async function awaitReady(url: string, dead: Promise<null>): Promise<number> {
  const start = performance.now()
  let gone = false
  dead.then(() => {
    gone = true
  })
  while (!gone && performance.now() - start < READY_WITHIN_MS) {
    const ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
      async (response) => {
        await response.arrayBuffer()
        return response.ok
      },
      () => false,
    )
    if (ready) return Math.round(performance.now() - start)
    await pause(ASK_EVERY_MS)
  }
  if (gone) throw new Error('The hub ended before it was ready.')
  throw new Error(`The hub was not ready within ${READY_WITHIN_MS} ms at ${url}/readyz.`)
}
