import { LinkspanError } from './errors.ts'

/** Units a {@link Duration} may be written in. */
export type DurationUnit = 'ms' | 's' | 'm' | 'h' | 'd'

/**
 * A length of time: a number of milliseconds, or a number with its unit, as in `'30s'`, `'1.5h'`, `'14d'`.
 *
 * @example
 * ```ts
 * import { durationMs, type Duration } from 'linkspan'
 * const pause: Duration = '1.5s'
 * const ms: number = durationMs(pause)
 * ```
 */
export type Duration = number | `${number}${DurationUnit}`

const MS: Readonly<Record<DurationUnit, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const FORM = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/**
 * The milliseconds of a {@link Duration}.
 * @throws {LinkspanError} `CONFIG_INVALID` when it is negative, not finite or not of the written form.
 */
export function durationMs(duration: Duration): number {
  const ms = typeof duration === 'number' ? duration : written(duration)
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw new LinkspanError(
    'CONFIG_INVALID',
    `"${duration}" is not a duration. Write milliseconds as a number, or a number with ms, s, m, h or d, as in "30s".`,
    {
      details: { value: String(duration) },
    },
  )
}

function written(text: string): number {
  const parts = FORM.exec(text)
  return parts ? Number(parts[1]) * MS[parts[2] as DurationUnit] : Number.NaN
}

/** A duration in the largest unit that keeps it readable, for people: `90_000` is `1m 30s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`
  const parts: string[] = []
  let rest = Math.round(ms / 1_000)
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds)
    if (count > 0) parts.push(`${count}${unit}`)
    rest -= count * seconds
  }
  return parts.slice(0, 2).join(' ')
}
