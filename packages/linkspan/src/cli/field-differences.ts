import type { FieldDifference } from '../index.ts'
import type { Json } from './library.ts'
import type { Style } from './style.ts'
import { oneLine, truncate } from './text.ts'

/** What differs between two values, field by field; paths are JSON Pointers (RFC 6901). */
export function fieldDifferences(before: Json, after: Json, path = ''): readonly FieldDifference[] {
  if (isObject(before) && isObject(after)) return inObjects(before, after, path)
  if (Array.isArray(before) && Array.isArray(after)) return inArrays(before, after, path)
  return Object.is(before, after) ? [] : [{ path, kind: 'changed', before, after }]
}

type JsonObject = { readonly [name: string]: Json }

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function inObjects(before: JsonObject, after: JsonObject, path: string): readonly FieldDifference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].flatMap((name) => {
    const field = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return at(field, before[name], after[name])
  })
}

function inArrays(before: readonly Json[], after: readonly Json[], path: string): readonly FieldDifference[] {
  const length = Math.max(before.length, after.length)
  return Array.from({ length }, (_, index) => at(`${path}/${index}`, before[index], after[index])).flat()
}

function at(path: string, before: Json | undefined, after: Json | undefined): readonly FieldDifference[] {
  if (before === undefined) return after === undefined ? [] : [{ path, kind: 'added', before: null, after }]
  if (after === undefined) return [{ path, kind: 'removed', before, after: null }]
  return fieldDifferences(before, after, path)
}

/** Differences as lines of `- before` and `+ after`, cut to a width. */
export function differenceLines(
  differences: readonly FieldDifference[],
  style: Style,
  width: number,
): readonly string[] {
  return differences.flatMap(({ path, kind, before, after }) => {
    const name = path === '' ? '' : `${oneLine(path).slice(1, -1)} `
    const minus = style('removed', truncate(`- ${name}${oneLine(before)}`, width))
    const plus = style('added', truncate(`+ ${name}${oneLine(after)}`, width))
    return kind === 'added' ? [plus] : kind === 'removed' ? [minus] : [minus, plus]
  })
}
