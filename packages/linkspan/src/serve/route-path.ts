import { LinkspanError } from '../model/errors.ts'
import { refusal } from './refusal.ts'

/** The parameters that a path names: `'/a/:b/c/:d'` has `b` and `d`. */
export type PathParams<Path extends string> = string extends Path
  ? Readonly<Record<string, string>>
  : { readonly [Name in NamesIn<Path>]: string }

type NamesIn<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? NamesIn<Head> | NamesIn<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never

const NAME = /^[A-Za-z_]\w*$/

/**
 * Checks a declared path and gives it its canonical form.
 * @throws {LinkspanError} `CONFIG_INVALID` when it does not start with a slash, has a query, a wildcard, a dot segment,
 * or a parameter without a name or with one that is taken.
 */
export function checkPath(path: string): string {
  const segments = path.split('/').slice(1)
  const names = segments.filter((part) => part.startsWith(':')).map((part) => part.slice(1))
  const wrong = faultOf(path, segments, names)
  if (wrong === null) return canonicalPath(encode(path))
  throw new LinkspanError('CONFIG_INVALID', `The route path "${path}" ${wrong}.`, { details: { path } })
}

function faultOf(path: string, segments: readonly string[], names: readonly string[]): string | null {
  if (!path.startsWith('/')) return 'does not start with a slash. Write it as "/orders/:id"'
  if (/[?#*{}\\\s]/.test(path)) return 'has a character that routes do not take: no query, wildcard or space'
  if (segments.some((part) => part === '.' || part === '..')) return 'has a dot segment'
  const odd = names.find((name) => !NAME.test(name) || name === '__proto__')
  if (odd !== undefined) return `has a parameter called "${odd}". Use letters, digits and underscores`
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined ? null : `names the parameter "${twice}" twice`
}

/** Percent-encodes what a URL cannot hold as it is; what is encoded already stays. */
function encode(path: string): string {
  return path.replace(/[^\u0021-\u007e]+/g, encodeURIComponent)
}

const PLAIN = /[A-Za-z0-9\-._~!$&'()*+,;=:@]/

/**
 * A path in one spelling: escapes of characters that need none are undone, the others in upper case (RFC 3986, 6.2.2).
 * Refuses an escape that is not one.
 */
export function canonicalPath(path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%(.{0,2})/g, (triplet, hex: string) => {
    if (!/^[0-9a-fA-F]{2}$/.test(hex))
      throw refusal('REQUEST_MALFORMED', 'The path has a percent sign that starts no escape.')
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return PLAIN.test(char) ? char : triplet.toUpperCase()
  })
}

/** A path parameter decoded. Refuses escapes that are no UTF-8. */
export function decodeParam(name: string, value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    throw refusal('REQUEST_MALFORMED', `The path parameter "${name}" is not valid UTF-8.`)
  }
}

/** The paths that two routes share look the same here. */
export function shapeOf(path: string): string {
  return path.replace(/:\w+/g, ':')
}

/** Orders paths so that a fixed segment is tried before a parameter in its place. */
export function compareSpecificity(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')]
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const difference = Number(left[at]?.startsWith(':')) - Number(right[at]?.startsWith(':'))
    if (difference !== 0) return difference
  }
  return 0
}
