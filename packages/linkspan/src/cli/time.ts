import { type Duration, durationMs, formatDuration } from '../model/duration.ts'
import { wrongUse } from './failure.ts'

const AGO = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/
const PARTS = /\d+(?:\.\d+)?(?:ms|s|m|h|d)/g
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/

/** A time as a person writes it: ISO 8601 (without a zone: local time), or how long ago, as `2h` or `1d12h`. */
export function parseTime(text: string, now: number): number {
  const written = text.trim()
  if (AGO.test(written)) return now - parseSpan(written)
  const time = ISO.test(written) ? new Date(local(written)).getTime() : Number.NaN
  if (Number.isFinite(time)) return time
  throw wrongUse(
    `"${text}" is not a time. Write how long ago, as in 30m, 2h or 7d, or a date, as in 2026-11-21 or 2026-11-21T06:30:00Z.`,
  )
}

/** A length of time as a person writes it: `30s`, `1h30m`. */
export function parseSpan(text: string): number {
  const written = text.trim()
  if (!AGO.test(written))
    throw wrongUse(`"${text}" is not a length of time. Write a number with ms, s, m, h or d, as in 30s.`)
  return (written.match(PARTS) ?? []).reduce((sum, part) => sum + durationMs(part as Duration), 0)
}

/** A date alone would be read as UTC, a date with a time as local: both are local here, as people mean it. */
function local(written: string): string {
  return written.length === 'yyyy-mm-dd'.length ? `${written}T00:00:00` : written.replace(' ', 'T')
}

/** A time for people and for pasting into `--since`: `2026-11-21T06:37:50Z`, with milliseconds when they say something. */
export function formatTime(time: number | null): string {
  return time === null ? '' : new Date(time).toISOString().replace('.000Z', 'Z')
}

/** How long ago, or in how long. */
export function formatAge(time: number, now: number): string {
  const span = formatDuration(Math.abs(now - time))
  return time <= now ? `${span} ago` : `in ${span}`
}
