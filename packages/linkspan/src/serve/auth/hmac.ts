import { type Duration, durationMs, formatDuration } from '../../model/duration.ts'
import type { LinkspanError } from '../../model/errors.ts'
import {
  type AuthScheme,
  type Credentials,
  signatureInvalid,
  unauthenticated,
  type Verify,
} from './scheme.ts'
import { type HmacAlgorithm, hmacOf, resolveSecrets, type Secrets, sameBytes } from './secret.ts'

/** What a sender's signature headers say. */
export interface SignatureParts {
  /** One or several signatures, of which one has to fit. */
  readonly signatures: readonly string[]
  /** When it was signed, as it was sent. */
  readonly timestamp?: string
}

/** Options of {@link hmac}. */
export interface HmacOptions {
  readonly secret: Secrets
  /** The header that carries the signature. */
  readonly header: string
  /** @default 'sha256' */
  readonly algorithm?: HmacAlgorithm
  /** @default 'hex' */
  readonly encoding?: 'hex' | 'base64'
  /** What stands before the signature, as `'sha256='`. */
  readonly prefix?: string
  /** Takes a header apart that holds more than the signature, as `t=1700000000,v1=5257a8…`. */
  readonly parse?: (header: string) => SignatureParts
  /** The header that says when it was signed; the window is open both ways. */
  readonly timestamp?: { readonly header?: string; readonly tolerance: Duration; readonly unit?: 's' | 'ms' }
  /** What is signed before the body, as `` ({ timestamp }) => `v0:${timestamp}:` ``. @default nothing */
  readonly before?: (given: { readonly timestamp: string; header(name: string): string }) => string
  /** The header that names the delivery. */
  readonly dedupeBy?: string
}

/**
 * A body signed with a shared secret (RFC 2104), in whatever headers the sender uses.
 *
 * @example
 * ```ts
 * import { secret } from 'linkspan'
 * import { hmac, route } from 'linkspan/serve'
 * const slack = hmac({
 *   secret: secret('SLACK_SIGNING_SECRET'),
 *   header: 'x-slack-signature',
 *   prefix: 'v0=',
 *   timestamp: { header: 'x-slack-request-timestamp', tolerance: '5m' },
 *   before: ({ timestamp }) => `v0:${timestamp}:`,
 * })
 * const events = route.post('/slack', { auth: slack })
 * ```
 */
export function hmac(options: HmacOptions): AuthScheme {
  const header = options.header.toLowerCase()
  const dedupeBy = options.dedupeBy?.toLowerCase()
  return {
    name: 'hmac',
    options: { header, algorithm: options.algorithm ?? 'sha256' },
    stage: 'body',
    keeps: dedupeBy === undefined ? [] : [dedupeBy],
    secretHeaders: [header],
    prepare(lookup, route) {
      const keys = resolveSecrets(options.secret, lookup, route)
      return verifier(options, header, keys, dedupeBy)
    },
  }
}

function verifier(
  options: HmacOptions,
  header: string,
  keys: readonly string[],
  dedupeBy: string | undefined,
): Verify {
  const challenge = `Signature header="${header}"`
  const { algorithm = 'sha256', encoding = 'hex', parse = plainly, before } = options
  const window = options.timestamp && windowOf(options.timestamp.tolerance, options.timestamp.unit)
  return (credentials) => {
    const { signatures, timestamp } = parse(needed(credentials, header, challenge))
    const stamp =
      window && options.timestamp ? stampOf(credentials, options.timestamp.header, timestamp, challenge) : ''
    if (window) window(stamp, credentials.now, challenge)
    const lead =
      before?.({ timestamp: stamp, header: (name) => credentials.header(name.toLowerCase()) ?? '' }) ?? ''
    const expected = keys.map((key) => hmacOf(algorithm, key, lead, credentials.body))
    if (!anySame(signatures, options.prefix ?? '', encoding, expected)) throw notSigned(header, challenge)
    return dedupeBy === undefined ? {} : delivery(credentials, dedupeBy, challenge)
  }
}

function plainly(header: string): SignatureParts {
  return { signatures: [header] }
}

function stampOf(
  credentials: Credentials,
  header: string | undefined,
  parsed: string | undefined,
  challenge: string,
): string {
  return header === undefined ? (parsed ?? '') : needed(credentials, header.toLowerCase(), challenge)
}

/** A header that the scheme cannot do without. */
export function needed(credentials: Credentials, header: string, challenge: string): string {
  const value = credentials.header(header)
  if (value !== null && value !== '') return value
  throw unauthenticated(`This route needs a signed request; the header "${header}" is missing.`, challenge)
}

/** The error for a signature that fits none of the secrets. */
export function notSigned(header: string, challenge: string): LinkspanError {
  return signatureInvalid(
    `The signature in the header "${header}" does not fit this body. Sign the bytes as they are sent, with the shared secret.`,
    challenge,
  )
}

/** The delivery's identity from a header. */
export function delivery(
  credentials: Credentials,
  header: string,
  challenge: string,
): { readonly dedupeKey: string } {
  return { dedupeKey: needed(credentials, header, challenge) }
}

/** Whether one of the given signatures is one of the expected; each is compared with each. */
export function anySame(
  given: readonly string[],
  prefix: string,
  encoding: 'hex' | 'base64',
  expected: readonly Uint8Array[],
): boolean {
  let same = false
  for (const text of given) {
    const bytes = decode(text, prefix, encoding)
    for (const mac of expected) if (bytes !== null && sameBytes(bytes, mac)) same = true
  }
  return same
}

const FORMS = { hex: /^(?:[0-9a-fA-F]{2})+$/, base64: /^[A-Za-z0-9+/]+={0,2}$/ }

function decode(text: string, prefix: string, encoding: 'hex' | 'base64'): Uint8Array | null {
  if (!text.startsWith(prefix)) return null
  const digits = text.slice(prefix.length)
  return FORMS[encoding].test(digits) ? Buffer.from(digits, encoding) : null
}

/** Checks that a timestamp is within the tolerance, in the past or the future. */
export function windowOf(
  tolerance: Duration,
  unit: 's' | 'ms' = 's',
): (stamp: string, now: number, challenge: string) => void {
  const toleranceMs = durationMs(tolerance)
  const factor = unit === 's' ? 1_000 : 1
  return (stamp, now, challenge) => {
    if (!/^\d{1,15}$/.test(stamp))
      throw signatureInvalid('The timestamp of the signature is not a whole number.', challenge)
    if (Math.abs(now - Number(stamp) * factor) <= toleranceMs) return
    throw signatureInvalid(
      `The request was signed more than ${formatDuration(toleranceMs)} away from this server's time. Sign it when sending, and check the clock.`,
      challenge,
    )
  }
}
