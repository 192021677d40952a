import { type AuthScheme, unauthenticated } from './scheme.ts'
import { digestOf, indexOfSame, resolveSecrets, type Secrets } from './secret.ts'

/** Options of {@link basic}. */
export interface BasicOptions {
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, Secrets>>
  /** What browsers show. @default 'linkspan' */
  readonly realm?: string
}

/**
 * User name and password (RFC 7617, in UTF-8). Use it behind TLS only.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * import { basic, route } from 'linkspan/serve'
 * const orders = route.post('/orders', { auth: basic({ users: { ada: secret('ADA_PASSWORD') } }) })
 * ```
 */
export function basic(options: BasicOptions): AuthScheme {
  const realm = (options.realm ?? 'linkspan').replace(/["\\\r\n]/g, '')
  const challenge = `Basic realm="${realm}", charset="UTF-8"`
  return {
    name: 'basic',
    options: { realm },
    stage: 'headers',
    keeps: [],
    secretHeaders: ['authorization'],
    prepare(lookup, route) {
      const known = Object.entries(options.users).flatMap(([user, passwords]) =>
        resolveSecrets(passwords, lookup, route).map((password) => ({
          user,
          digest: digestOf(`${user}:${password}`),
        })),
      )
      const digests = known.map(({ digest }) => digest)
      return ({ header }) => {
        const given = header('authorization')
        if (given === null) throw unauthenticated('This route needs a user name and a password.', challenge)
        const pair = decodePair(given)
        const at = pair === null ? -1 : indexOfSame(pair, digests)
        if (at === -1) throw unauthenticated('User name and password are not valid here.', challenge)
        return { caller: (known[at] as { user: string }).user }
      }
    },
  }
}

/** `user:password` as it is compared; a user name has no colon, so the pair is unambiguous. */
function decodePair(header: string): string | null {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header) ?? []
  if (encoded === undefined) return null
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  return pair.includes(':') ? pair : null
}
