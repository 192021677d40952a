import { LinkspanError } from '../../model/errors.ts'

/** What a query may hold; undefined and null are left out, lists are repeated. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[]>>
type QueryValue = string | number | boolean | null | undefined

/**
 * Writes a path with its values encoded, so that a value cannot leave its place in the path.
 *
 * @example
 * ```ts
 * import { path } from 'linkspan/http'
 * const of = (issue: { repository: string; number: number }): string => path`/repos/${issue.repository}/issues/${issue.number}`
 * ```
 * @throws {LinkspanError} `CALL_REJECTED` for a value that is empty, `.` or `..`: it would name another resource.
 */
export function path(texts: TemplateStringsArray, ...values: readonly (string | number | boolean)[]): string {
  return texts.reduce((before, text, index) => `${before}${encodeSegment(values[index - 1])}${text}`)
}

function encodeSegment(value: string | number | boolean | undefined): string {
  const text = String(value)
  if (value !== undefined && text !== '' && text !== '.' && text !== '..') return encodeURIComponent(text)
  throw new LinkspanError(
    'CALL_REJECTED',
    `"${text}" cannot stand in a path: it would name another resource.`,
    {
      details: { value: text },
    },
  )
}

/** A path with a query added. */
export function withQuery(target: string, query: Query | undefined): string {
  if (query === undefined) return target
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) search.append(name, String(one))
    }
  }
  const text = search.toString()
  if (text === '') return target
  return `${target}${target.includes('?') ? '&' : '?'}${text}`
}
