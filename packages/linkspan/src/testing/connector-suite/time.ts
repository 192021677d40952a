import { setImmediate, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../../model/outside.ts'
import { virtualClock } from '../virtual-clock.ts'

/** The time that a trial runs in. */
export interface TrialTime {
  readonly clock: Clock
  /** Lets things go on until it is so. */
  until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void>
  /** Lets things go on until a promise is settled. */
  during<T>(what: string, promise: Promise<T>): Promise<T>
  /** Lets so much of it pass. */
  pass(ms: number): Promise<void>
}

const STEP_MS = 100
const MOST_STEPS = 50_000

/** A virtual time: nothing waits for real. For subjects that live in memory and keep to the clock. */
export function virtualTime(): TrialTime {
  const clock = virtualClock()
  const until: TrialTime['until'] = async (what, isSo) => {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      await clock.settle()
      if (await isSo()) return
      if (clock.timers === 0) {
        await clock.settle()
        if (await isSo()) return
        throw new Error(`Nothing is left to do, and this is not so: ${what}.`)
      }
      await clock.advance(STEP_MS)
    }
    throw new Error(`After ${(MOST_STEPS * STEP_MS) / 1000} s of virtual time this is not so: ${what}.`)
  }
  return { clock, until, during: duringBy(until), pass: (ms) => clock.advance(ms) }
}

/** How much faster than real time the engine's pauses go by. */
const SPEED = 10
/** Ends what hangs; nothing is measured by it. */
const PATIENCE_MS = 60_000

/** Real time, in which the engine's clock runs ten times as fast: its pauses are short, and answers take the time they take. */
export function realTime(): TrialTime {
  const start = performance.now()
  const monotonic = (): number => (performance.now() - start) * SPEED
  const began = Date.now()
  const clock: Clock = {
    now: () => began + Math.floor(monotonic()),
    monotonic,
    defer: (run) => void setImmediate(run),
    timer: (afterMs, run) => {
      if (afterMs === Number.POSITIVE_INFINITY) return () => undefined
      const timer = setTimeout(run, Math.min(Math.max(0, afterMs) / SPEED, 2 ** 31 - 1))
      return () => clearTimeout(timer)
    },
  }
  const until: TrialTime['until'] = async (what, isSo) => {
    const end = performance.now() + PATIENCE_MS
    while (!(await isSo())) {
      if (performance.now() > end) throw new Error(`After ${PATIENCE_MS / 1000} s this is not so: ${what}.`)
      await pause(2)
    }
  }
  return { clock, until, during: duringBy(until), pass: (ms) => pause(ms / SPEED) }
}

function duringBy(until: TrialTime['until']): TrialTime['during'] {
  return async (what, promise) => {
    let settled = false
    const over = (): void => {
      settled = true
    }
    promise.then(over, over)
    await until(what, () => settled)
    return promise
  }
}
