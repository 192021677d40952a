import type { Clock, Logger } from '../model/outside.ts'
import { REDACTED, redact } from './redact.ts'

/** The levels in rising order. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
/** How much a line matters. */
export type Level = (typeof LEVELS)[number]

/** What {@link jsonLogger} is made of. */
export interface JsonLoggerOptions {
  /** Where lines go; a line ends with a line feed. What it throws is lost: a log must not stop the engine. */
  readonly stream: { write(line: string): unknown }
  readonly clock: Pick<Clock, 'now'>
  /** The least level that is written. @default 'info' */
  readonly level?: Level
  /** What every line carries, as `{ project: 'hub' }`. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Secrets that are known by their value: hidden wherever they stand. Asked for each line. */
  readonly secrets?: () => Iterable<string>
}

/**
 * A logger that writes one JSON object per line: `time` (ISO 8601), `level`, `event`, and the event's fields. Texts
 * under secret-looking names are hidden.
 *
 * @example
 * ```ts
 * import { jsonLogger } from 'linkspan/serve'
 * const logger = jsonLogger({ stream: process.stderr, clock: { now: () => 0 }, level: 'debug' })
 * logger.log('info', 'engine.started', { flows: 3 })
 * ```
 */
export function jsonLogger(options: JsonLoggerOptions): Logger {
  const least = LEVELS.indexOf(options.level ?? 'info')
  return {
    log(level, event, fields = {}) {
      if (LEVELS.indexOf(level) < least) return
      try {
        options.stream.write(`${lineOf(options, level, event, fields)}\n`)
      } catch {
        // A full disk or a closed pipe under the log is no reason to stop.
      }
    },
  }
}

function lineOf(
  { clock, fields: always = {}, secrets }: JsonLoggerOptions,
  level: Level,
  event: string,
  fields: Readonly<Record<string, unknown>>,
): string {
  const time = new Date(clock.now()).toISOString()
  const given = redact({ ...always, ...fields }) as Readonly<Record<string, unknown>>
  const line = JSON.stringify({ time, level, event, ...renamed(given) })
  return secrets === undefined ? line : hide(line, secrets())
}

const OWN: readonly string[] = ['time', 'level', 'event']

/** The line's own words win; a field of the same name is kept under another. */
function renamed(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!OWN.some((name) => Object.hasOwn(given, name))) return given
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [OWN.includes(name) ? `field.${name}` : name, value]),
  )
}

const LEAST_SECRET = 4

function hide(line: string, secrets: Iterable<string>): string {
  let hidden = line
  for (const secret of secrets) {
    if (secret.length < LEAST_SECRET) continue
    hidden = hidden.replaceAll(JSON.stringify(secret).slice(1, -1), REDACTED)
  }
  return hidden
}
