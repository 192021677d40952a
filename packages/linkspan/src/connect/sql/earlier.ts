import { LinkspanError } from '../../model/errors.ts'

const TIME = /^(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-][\d:]+)?$/
const DATE = /^\d{4}-\d\d-\d\d$/

/** Seconds since 1970 have this many digits until the year 5138, milliseconds have more since 1973. */
const SECONDS_DIGITS = 11

/**
 * A time some milliseconds earlier, written as it was: a time as databases write it, a day, or milliseconds or seconds since 1970.
 * @throws {LinkspanError} `CONFIG_INVALID` for what is no time.
 */
export function earlier(source: string, mark: string | number, ms: number): string | number {
  if (typeof mark === 'number') return fewer(mark, ms)
  if (/^\d+$/.test(mark)) return String(fewer(Number(mark), ms))
  if (DATE.test(mark)) return new Date(Date.parse(`${mark}T00:00:00Z`) - ms).toISOString().slice(0, 10)
  const parts = TIME.exec(mark)
  if (parts === null) throw noTime(source, mark)
  const [, day, between, clock, fraction = '', zone = ''] = parts
  // The offset stays, so the arithmetic is that of the clock on the wall.
  const before = new Date(
    Date.parse(`${day}T${clock}.${fraction.padEnd(3, '0').slice(0, 3)}Z`) - ms,
  ).toISOString()
  const digits =
    fraction === '' ? '' : `.${before.slice(20, 23).padEnd(fraction.length, '0').slice(0, fraction.length)}`
  return `${before.slice(0, 10)}${between}${before.slice(11, 19)}${digits}${zone}`
}

function fewer(mark: number, ms: number): number {
  const isSeconds = String(Math.trunc(Math.abs(mark))).length < SECONDS_DIGITS
  return isSeconds ? mark - Math.ceil(ms / 1_000) : mark - ms
}

function noTime(source: string, mark: string): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `The source "${source}" reads changes by a column that holds "${mark}", which is no time. Name a column of time, or of seconds or milliseconds since 1970.`,
  )
}
