import type { Json } from '../model/message.ts'
import type { FieldDifference } from './admin-api.ts'

/** The fields in which two JSON values differ, deepest first found, as JSON Pointers (RFC 6901). */
export function fieldDifferences(before: Json, after: Json, path = ''): FieldDifference[] {
  if (before === after) return []
  if (!isObject(before) || !isObject(after) || Array.isArray(before) !== Array.isArray(after)) {
    return [{ path, kind: 'changed', before, after }]
  }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((name) => fieldDifference(before, after, name, `${path}/${escaped(name)}`))
}

type JsonObject = { readonly [name: string]: Json }

function fieldDifference(
  before: JsonObject,
  after: JsonObject,
  name: string,
  path: string,
): FieldDifference[] {
  if (!Object.hasOwn(before, name)) return [{ path, kind: 'added', before: null, after: after[name] ?? null }]
  if (!Object.hasOwn(after, name))
    return [{ path, kind: 'removed', before: before[name] ?? null, after: null }]
  return fieldDifferences(before[name] ?? null, after[name] ?? null, path)
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
