import { anySame, delivery, needed, notSigned } from './hmac.ts'
import type { AuthScheme } from './scheme.ts'
import { hmacOf, resolveSecrets, type Secrets } from './secret.ts'

/** Options of {@link githubSignature}. */
export interface GithubSignatureOptions {
  /** The webhook's secret. */
  readonly secret: Secrets
}

const SIGNATURE = 'x-hub-signature-256'
const DELIVERY = 'x-github-delivery'
const CHALLENGE = `Signature header="${SIGNATURE}"`

/**
 * GitHub's webhook signature: `X-Hub-Signature-256`, over the raw body. A delivery that GitHub repeats has the same
 * `X-GitHub-Delivery` and is answered as a duplicate. The signature does not cover that header, nor a time.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * import { githubSignature, route } from 'linkspan/serve'
 * const hook = route.post('/webhooks/github', { auth: githubSignature({ secret: secret('GITHUB_WEBHOOK') }) })
 * ```
 */
export function githubSignature(options: GithubSignatureOptions): AuthScheme {
  return {
    name: 'githubSignature',
    options: { header: SIGNATURE },
    stage: 'body',
    keeps: ['x-github-event', DELIVERY, 'x-github-hook-id'],
    secretHeaders: [SIGNATURE, 'x-hub-signature'],
    prepare(lookup, route) {
      const keys = resolveSecrets(options.secret, lookup, route)
      return (credentials) => {
        const given = needed(credentials, SIGNATURE, CHALLENGE)
        const expected = keys.map((key) => hmacOf('sha256', key, credentials.body))
        if (!anySame([given], 'sha256=', 'hex', expected)) throw notSigned(SIGNATURE, CHALLENGE)
        return delivery(credentials, DELIVERY, CHALLENGE)
      }
    },
  }
}
