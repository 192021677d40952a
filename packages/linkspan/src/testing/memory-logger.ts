import type { Logger } from '../model/outside.ts'

/** One line of a {@link MemoryLogger}. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A logger that keeps its lines. */
export interface MemoryLogger extends Logger {
  readonly lines: readonly LogLine[]
  /** The lines of an event. */
  of(event: string): readonly LogLine[]
}

/**
 * Makes a logger that keeps its lines for a test to look at.
 *
 * @example
 * ```ts
 * import { memoryLogger } from 'linkspan/testing'
 * const logger = memoryLogger()
 * logger.log('info', 'engine.started', { flows: 1 })
 * const started = logger.of('engine.started').length
 * ```
 */
export function memoryLogger(): MemoryLogger {
  const lines: LogLine[] = []
  return {
    lines,
    log: (level, event, fields = {}) => void lines.push({ level, event, fields }),
    of: (event) => lines.filter((line) => line.event === event),
  }
}
