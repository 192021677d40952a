import { ensureError, LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'

/**
 * A value as it will be read back from the journal, so that the first run of a message sees what a later one does:
 * `undefined` is null, and a `Date` is its text.
 * @throws {LinkspanError} `BODY_INVALID` when JSON cannot hold it (a circular object, a BigInt).
 */
export function asJson(value: unknown, path: string, what: string): Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  try {
    return JSON.parse(JSON.stringify(value) ?? 'null') as Json
  } catch (cause) {
    const problem = ensureError(cause).message
    throw new LinkspanError(
      'BODY_INVALID',
      `In the step "${path}", ${what} cannot be kept as JSON: ${problem}. Make it plain data.`,
      { details: { path }, cause },
    )
  }
}

/** A copy that can be changed without changing the value: of lists and plain objects; what else is in it stays what it is. */
export function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOf) as T
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copyOf(each)])) as T
}
