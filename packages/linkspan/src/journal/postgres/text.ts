/**
 * Any string as PostgreSQL's `text` can hold it, which has no NUL: U+0000 and U+0001 are written as U+0001 with U+0001
 * or U+0002 behind it. The order of the bytes stays as it was.
 */
export function toText(value: string): string {
  if (!value.includes('\u0000') && !value.includes('\u0001')) return value
  return value.replaceAll('\u0001', '\u0001\u0002').replaceAll('\u0000', '\u0001\u0001')
}

/** The inverse of {@link toText}. */
export function fromText(stored: string): string {
  if (!stored.includes('\u0001')) return stored
  return stored.replaceAll('\u0001\u0001', '\u0000').replaceAll('\u0001\u0002', '\u0001')
}

/** {@link fromText} where there may be none. */
export function fromNullable(stored: string | null): string | null {
  return stored === null ? null : fromText(stored)
}
