import type { AuthScheme } from './scheme.ts'
import { unauthenticated } from './scheme.ts'
import { digestOf, indexOfSame, isReference, resolveSecrets, type Secrets } from './secret.ts'

/** Options of {@link apiKey}. */
export interface ApiKeyOptions {
  /** The header that carries the key. @default 'x-api-key' */
  readonly header?: string
  /** What stands before the key, as `'Bearer '`. @default nothing */
  readonly prefix?: string
  /** The keys that are let in; by the caller's name, or without names. */
  readonly keys: Secrets | Readonly<Record<string, Secrets>>
}

/**
 * A key in a header.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * import { apiKey, route } from 'linkspan/serve'
 * const orders = route.post('/orders', { auth: apiKey({ keys: { shop: secret('SHOP_KEY') } }) })
 * ```
 */
export function apiKey(options: ApiKeyOptions): AuthScheme {
  const header = (options.header ?? 'x-api-key').toLowerCase()
  const prefix = options.prefix ?? ''
  const challenge = /^bearer $/i.test(prefix) ? 'Bearer realm="linkspan"' : `ApiKey header="${header}"`
  return {
    name: 'apiKey',
    options: { header },
    stage: 'headers',
    keeps: [],
    secretHeaders: [header],
    prepare(lookup, route) {
      const keys = namedSecrets(options.keys).flatMap(([caller, secrets]) =>
        resolveSecrets(secrets, lookup, route).map((key) => ({ caller, digest: digestOf(key) })),
      )
      const digests = keys.map(({ digest }) => digest)
      return ({ header: read }) => {
        const given = read(header)
        if (given === null)
          throw unauthenticated(`This route needs a key in the header "${header}".`, challenge)
        const at = indexOfSame(withoutPrefix(given, prefix), digests)
        if (at === -1)
          throw unauthenticated(`The key in the header "${header}" is not valid here.`, challenge)
        const caller = keys[at]?.caller
        return caller ? { caller } : {}
      }
    },
  }
}

/** The key behind its prefix, which is compared without regard to case; without it, what matches no key. */
function withoutPrefix(given: string, prefix: string): string {
  return given.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase()
    ? given.slice(prefix.length)
    : ''
}

/** Secrets by name; without names, under the empty one. */
export function namedSecrets(
  given: Secrets | Readonly<Record<string, Secrets>>,
): readonly (readonly [string, Secrets])[] {
  const plain = typeof given === 'string' || Array.isArray(given) || isReference(given)
  return plain ? [['', given as Secrets]] : Object.entries(given as Readonly<Record<string, Secrets>>)
}
