/** Ends a timer that has not fired; calling it again does nothing. */
export type CancelTimer = () => void

/**
 * Time as the engine sees it. A test hands in a virtual one, so nothing in the engine waits for real.
 * `now` is wall-clock time and may step; `monotonic` never goes back and has no meaning across processes.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Milliseconds since an arbitrary moment, never decreasing. */
  monotonic(): number
  /** Calls `run` once, no earlier than `afterMs` from now. */
  timer(afterMs: number, run: () => void): CancelTimer
  /** Calls `run` after the events that are ready now; what happens meanwhile can join its group. */
  defer(run: () => void): void
}

/** Randomness as the engine sees it; a seeded one makes a run repeatable. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** `length` characters of a-z and 0-9 that cannot be guessed. */
  token(length: number): string
}

/** One structured line about the engine's own doings. `fields` are plain data, never secrets or bodies. */
export interface Logger {
  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    event: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void
}

/** What the engine takes from the world around it, handed in by whoever makes it. */
export interface Outside {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}
