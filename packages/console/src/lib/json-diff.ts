import type { Json } from 'linkspan'

/** One field that differs; `path` as a JSON Pointer (RFC 6901). */
export interface FieldChange {
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly before: Json | undefined
  readonly after: Json | undefined
}

const MOST = 500

/** What differs between two bodies, field by field; at most the first 500. Lists are compared place by place. */
export function fieldChanges(before: Json, after: Json): readonly FieldChange[] {
  const found: FieldChange[] = []
  compare(before, after, '', found)
  return found
}

function compare(
  before: Json | undefined,
  after: Json | undefined,
  path: string,
  found: FieldChange[],
): void {
  if (found.length >= MOST || before === after) return
  const [left, right] = [fieldsOf(before), fieldsOf(after)]
  if (left !== null && right !== null && Array.isArray(before) === Array.isArray(after)) {
    for (const name of new Set([...left.keys(), ...right.keys()]))
      compare(left.get(name), right.get(name), `${path}/${escaped(name)}`, found)
    return
  }
  if (found.length >= MOST) return
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed'
  found.push({ path, kind, before, after })
}

function fieldsOf(value: Json | undefined): ReadonlyMap<string, Json> | null {
  if (typeof value !== 'object' || value === null) return null
  return new Map(Object.entries(value))
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
