import type { Duration } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import { anySame, needed, notSigned, windowOf } from './hmac.ts'
import type { AuthScheme } from './scheme.ts'
import { hmacOf, resolveSecrets, type Secrets } from './secret.ts'

/** Options of {@link standardWebhook}. */
export interface StandardWebhookOptions {
  /** As `whsec_` and 24 to 64 bytes in base64. */
  readonly secret: Secrets
  /** How far the sender's clock and the delivery may be off, both ways. @default '5m' */
  readonly tolerance?: Duration
}

const ID = 'webhook-id'
const TIMESTAMP = 'webhook-timestamp'
const SIGNATURE = 'webhook-signature'
const CHALLENGE = `Signature header="${SIGNATURE}"`

/**
 * A webhook signed as Standard Webhooks 1.0.0 says, with symmetric (`v1`) signatures. A repeated `webhook-id` is
 * answered as a duplicate.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * import { route, standardWebhook } from 'linkspan/serve'
 * const hook = route.post('/webhooks/billing', { auth: standardWebhook({ secret: secret('BILLING_WEBHOOK') }) })
 * ```
 */
export function standardWebhook(options: StandardWebhookOptions): AuthScheme {
  const window = windowOf(options.tolerance ?? '5m')
  return {
    name: 'standardWebhook',
    options: { header: SIGNATURE },
    stage: 'body',
    keeps: [ID, TIMESTAMP],
    secretHeaders: [SIGNATURE],
    prepare(lookup, route) {
      const keys = resolveSecrets(options.secret, lookup, route).map((text) => keyOf(text, route))
      return (credentials) => {
        const id = needed(credentials, ID, CHALLENGE)
        const timestamp = needed(credentials, TIMESTAMP, CHALLENGE)
        const given = needed(credentials, SIGNATURE, CHALLENGE).split(' ')
        window(timestamp, credentials.now, CHALLENGE)
        const expected = keys.map((key) => hmacOf('sha256', key, `${id}.${timestamp}.`, credentials.body))
        if (!anySame(given, 'v1,', 'base64', expected)) throw notSigned(SIGNATURE, CHALLENGE)
        return { dedupeKey: id }
      }
    },
  }
}

function keyOf(text: string, route: string): Buffer {
  const digits = text.startsWith('whsec_') ? text.slice('whsec_'.length) : text
  const key = Buffer.from(digits, 'base64')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(digits) && key.length >= 24 && key.length <= 64) return key
  throw new LinkspanError(
    'CONFIG_INVALID',
    `${route} has a webhook secret that is not "whsec_" followed by 24 to 64 bytes in base64. Copy it from the sender's settings.`,
  )
}
