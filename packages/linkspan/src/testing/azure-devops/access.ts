import type { Scope } from './routes.ts'
import { refuse, ServiceFailure } from './service-failure.ts'

/** What a token may do: everything, or what its scopes say. */
export type TokenScopes = 'full' | readonly Scope[]

const IMPLIED: Readonly<Partial<Record<Scope, readonly Scope[]>>> = {
  'vso.work_write': ['vso.work'],
  'vso.code_write': ['vso.code', 'vso.code_status', 'vso.threads_full'],
  'vso.build_execute': ['vso.build'],
}

/** Whether a token's scopes hold one, or a greater one that includes it. */
export function allows(scopes: TokenScopes, needed: Scope): boolean {
  if (scopes === 'full') return true
  return scopes.some((scope) => scope === needed || IMPLIED[scope]?.includes(needed) === true)
}

/** The token of a request: a personal access token by Basic, or one of Entra by Bearer. */
export function tokenOf(headers: Headers): string | null {
  const given = headers.get('authorization') ?? ''
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(given) ?? []
  if (scheme.toLowerCase() === 'bearer') return value
  if (scheme.toLowerCase() !== 'basic') return null
  const pair = Buffer.from(value, 'base64').toString('utf8')
  return pair.slice(pair.indexOf(':') + 1)
}

/** The scopes of a request's token; refuses strangers as the service does. */
export function scopesOf(headers: Headers, tokens: ReadonlyMap<string, TokenScopes>): TokenScopes {
  const token = tokenOf(headers)
  const scopes = token === null ? undefined : tokens.get(token)
  if (scopes !== undefined) return scopes
  // The service sends people to its page for signing in, unless a client asks it not to.
  if (headers.get('x-tfs-fedauthredirect')?.toLowerCase() === 'suppress')
    return refuse(
      401,
      'UnauthorizedRequestException',
      'TF400813: Resource not available for anonymous access. Client authentication required.',
      {
        'www-authenticate':
          'Bearer authorization_uri=https://login.microsoftonline.com/common, Basic realm="https://dev.azure.com/"',
      },
    )
  throw new SignIn(token === null ? 302 : 203)
}

/** A request that is answered with the page for signing in. */
export class SignIn extends ServiceFailure {
  constructor(status: 203 | 302) {
    super(status, 'SignIn', 'Azure DevOps Services | Sign In')
  }
}

/** Refuses a token that lacks a scope. */
export function demandScope(scopes: TokenScopes, needed: Scope): void {
  if (!allows(scopes, needed))
    refuse(
      401,
      'UnauthorizedRequestException',
      `TF400813: The user is not authorized to access this resource. The token lacks the scope ${needed}.`,
    )
}
