import type { Clock } from '../model/outside.ts'

/** Wakes who waits for what a stream brings, and hands on what went wrong meanwhile. */
export interface Bell {
  ring(this: void): void
  fail(this: void, error: unknown): void
  /** What is told of this by `fail` is of no interest any more. */
  forget(whose: object): void
  isForgotten(whose: object): boolean
  /** Throws what was told by `fail`. */
  check(): void
  /** Resolves at the next ring, which may have been already, after `ms`, or when `signal` fires. */
  rung(clock: Clock, ms: number): Promise<void>
}

/** A bell that nobody has rung yet. */
export function createBell(signal: AbortSignal): Bell {
  const forgotten = new WeakSet<object>()
  let failure: { readonly error: unknown } | null = null
  let rang = false
  let wake = (): void => undefined
  const ring = (): void => {
    rang = true
    wake()
  }
  signal.addEventListener('abort', ring, { once: true })
  return {
    ring,
    fail(error) {
      failure ??= { error }
      ring()
    },
    forget: (whose) => void forgotten.add(whose),
    isForgotten: (whose) => forgotten.has(whose),
    check() {
      if (failure !== null) throw failure.error
    },
    async rung(clock, ms) {
      if (!rang)
        await new Promise<void>((resolve) => {
          const cancel = clock.timer(ms, resolve)
          wake = () => {
            cancel()
            resolve()
          }
        })
      wake = () => undefined
      rang = false
    },
  }
}
