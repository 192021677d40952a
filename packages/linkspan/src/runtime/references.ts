import { LinkspanError } from '../model/errors.ts'
import { isReference, markedReference, type Reference } from '../model/reference.ts'
import { passwordsOf } from './hide-secrets.ts'

export { isReference } from '../model/reference.ts'

/** Finds the value of a reference, or undefined. */
export type Lookup = (reference: Reference) => string | undefined

/**
 * A value from the environment, looked up when the engine starts.
 *
 * @example
 * ```ts
 * import { env } from 'linkspan'
 * const port = env('PORT', '7070')
 * ```
 */
export function env(name: string, fallback?: string): Reference {
  return markedReference({ kind: 'env', name, ...(fallback === undefined ? {} : { fallback }) })
}

/**
 * A secret, looked up when the engine starts: in the file that `<NAME>_FILE` names, or in the environment. It is
 * handed to the connection that needs it and to nobody else.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * const token = secret('TRACKER_TOKEN')
 * ```
 */
export function secret(name: string): Reference {
  return markedReference({ kind: 'secret', name })
}

/** A configuration with its references replaced by their values, the values of its secrets, and the names that have none. */
export interface Resolved<T> {
  readonly value: T
  readonly secrets: readonly string[]
  readonly missing: readonly Reference[]
}

/** Replaces the references in a configuration, at any depth. Functions and class instances are left as they are. */
export function resolveReferences<T>(configuration: T, lookup: Lookup): Resolved<T> {
  const missing: Reference[] = []
  const secrets = new Set<string>()
  const visit = (value: unknown): unknown => {
    if (isReference(value)) return found(value)
    if (Array.isArray(value)) return value.map(visit)
    if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
      return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, visit(each)]))
  }
  const found = (reference: Reference): string | undefined => {
    const value = lookup(reference) ?? reference.fallback
    if (value === undefined) missing.push(reference)
    else for (const each of secretsIn(reference, value)) secrets.add(each)
    return value
  }
  const value = visit(configuration) as T
  return { value, secrets: [...secrets], missing }
}

/** What is secret of a value: the whole of it, or the password where it is a URL from the environment. */
function secretsIn({ kind }: Reference, value: string): readonly string[] {
  return kind === 'secret' ? [value] : passwordsOf(value)
}

/** Refuses to go on without all values. Names what is missing and where it is looked for. */
export function requireAll(missing: readonly Reference[]): void {
  if (missing.length === 0) return
  const names = [
    ...new Set(missing.map(({ kind, name }) => (kind === 'secret' ? `${name} (or ${name}_FILE)` : name))),
  ]
  throw new LinkspanError(
    'SECRET_MISSING',
    `The project refers to ${names.join(', ')}, which the environment does not have. Set ${names.length === 1 ? 'it' : 'them'} and start again.`,
    { details: { missing: missing.map(({ kind, name }) => ({ kind, name })) } },
  )
}
