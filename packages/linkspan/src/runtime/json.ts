import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'

const MAX_DEPTH = 64

/** Whether a value survives being written as JSON and read back unchanged. */
export function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth < MAX_DEPTH && isPlainObject(value, depth))
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  if ('toJSON' in value) return false
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name], depth + 1)) return false
  return true
}

/**
 * The value as it will be after a restart, so that the first run of a message sees what a second one would:
 * itself when it is plain, otherwise read back from its JSON text. `undefined` stays `undefined`.
 */
export function settled(value: unknown): unknown {
  if (value === undefined || isPlain(value)) return value
  return parseJson(jsonText(value))
}

/**
 * The JSON text of a value; `null` for what JSON cannot say.
 * @throws {LinkspanError} `BODY_INVALID` when it is circular or holds a BigInt.
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (cause) {
    throw new LinkspanError(
      'BODY_INVALID',
      `A value cannot be written as JSON: ${(cause as Error).message}. Bodies, inputs and results are JSON values.`,
      { cause },
    )
  }
}

/** Reads JSON text that this engine wrote. */
export function parseJson(text: string): Json {
  return JSON.parse(text) as Json
}

/** Whether two plain values say the same as JSON, the order of fields aside. */
export function sameJson(before: unknown, after: unknown): boolean {
  if (before === after) return true
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null)
    return (before ?? null) === (after ?? null)
  if (Array.isArray(before) !== Array.isArray(after)) return false
  const names = Object.keys(before)
  if (names.length !== Object.keys(after).length) return false
  return names.every(
    (name) =>
      name in after &&
      sameJson((before as Record<string, unknown>)[name], (after as Record<string, unknown>)[name]),
  )
}
