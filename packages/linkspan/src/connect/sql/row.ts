import type { Json } from '../../model/message.ts'

/** A row by the names of its columns, as JSON has it. */
export type Row = Readonly<Record<string, Json>>

/**
 * A row as a client reads it, as JSON: bytes as base64, whole numbers beyond 2^53 as text, times as ISO 8601. A number that
 * JSON does not know (infinite, none) becomes text.
 */
export function plainRow(row: Readonly<Record<string, unknown>>): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value)]))
}

function plainValue(value: unknown): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    case 'object':
      return value === null ? null : plainObject(value)
    default:
      return null
  }
}

function plainObject(value: object): Json {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(plainValue)
  return plainRow(value as Readonly<Record<string, unknown>>)
}
