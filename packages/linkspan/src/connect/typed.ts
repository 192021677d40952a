import type { StandardSchemaV1 } from '@standard-schema/spec'

const validate = (value: unknown): { readonly value: never } => ({ value: value as never })
const passThrough: StandardSchemaV1<unknown, never> = {
  '~standard': { version: 1, vendor: 'linkspan', validate },
}

/**
 * A schema that gives a value its type and checks nothing: for data whose shape is known by other means.
 *
 * @example
 * ```ts
 * import { httpConnection, typed } from 'linkspan/http'
 * const tracker = httpConnection('tracker')
 * const load = tracker.get({ name: 'load', path: '/version', response: typed<{ version: string }>() })
 * ```
 */
export function typed<T>(): StandardSchemaV1<unknown, T> {
  return passThrough
}

/** What is wrong with a value by its schema's word, on one line: `title: required; due: not a date`. */
export function issuesText(issues: readonly StandardSchemaV1.Issue[]): string {
  const shown = issues.slice(0, 5).map(({ message, path }) => {
    const at = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return at === '' ? message : `${at}: ${message}`
  })
  return issues.length > shown.length
    ? `${shown.join('; ')}; and ${issues.length - shown.length} more`
    : shown.join('; ')
}
