const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long something took or has been, in two figures at most: `12 ms`, `3.4 s`, `7 min`, `2 h`. */
export function duration(ms: number): string {
  if (ms < 1) return '<1 ms'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < MINUTE) return `${Math.round(ms / 1_000)} s`
  if (ms < HOUR) return `${Math.round(ms / MINUTE)} min`
  if (ms < 2 * DAY) return `${Math.round(ms / HOUR)} h`
  return `${Math.round(ms / DAY)} d`
}

/** How long ago. */
export function ago(at: number, now: number): string {
  const ms = now - at
  return ms < 1_000 ? 'just now' : `${duration(ms)} ago`
}

/** A point in time, to the millisecond, in the reader's own zone. */
export function exact(at: number): string {
  const date = new Date(at)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** A count, with spaces between thousands. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** How many a second, in three figures at most. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0'
  if (perSecond < 0.1) return '<0.1'
  return perSecond < 10 ? perSecond.toFixed(1) : count(perSecond)
}

/** A share of one as per cent. */
export function share(part: number): string {
  if (part === 0) return '0 %'
  if (part < 0.001) return '<0.1 %'
  return part < 0.1 ? `${(100 * part).toFixed(1)} %` : `${Math.round(100 * part)} %`
}

/** `1 message`, `2 messages`. */
export function counted(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : 's'}`
}

// Control characters, marks that turn the text around them, and those that cannot be seen; not the tab and the line feed.
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}]/gu

/** Text of others with its invisible and direction marks shown as escapes, so that it cannot look like something else. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (mark) => `\\u${(mark.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}
