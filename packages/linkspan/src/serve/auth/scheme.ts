import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Lookup } from './secret.ts'

/** The part of a request that says who sent it. */
export interface Credentials {
  /** A header by its lower-case name; repeated ones are joined with `, `. */
  header(name: string): string | null
  /** The body as it came over the wire; empty while a scheme of stage `headers` is asked. */
  readonly body: Uint8Array
  /** Milliseconds since 1970. */
  readonly now: number
}

/** What a scheme says of a request that it lets in. */
export interface Authenticated {
  /** The name of the caller, where the scheme knows one. */
  readonly caller?: string
  /** The identity of this delivery: a repeated one is answered as a duplicate. */
  readonly dedupeKey?: string
}

/** Checks requests with the secrets at hand. Throws `UNAUTHENTICATED` or `SIGNATURE_INVALID`; never says what was expected. */
export type Verify = (credentials: Credentials) => Authenticated

/**
 * A way to tell who sent a request. A third party can write one: `prepare` is called once when the engine starts, and what
 * it answers for each request.
 */
export interface AuthScheme {
  /** Its name in the flow's definition, as `githubSignature`. */
  readonly name: string
  /** What of it is shown; no secrets. */
  readonly options: Readonly<Record<string, Json>>
  /** Whether the headers are enough, so that the body of a stranger is not even read. */
  readonly stage: 'headers' | 'body'
  /** Headers that are kept in the message where the route does not say which. */
  readonly keeps: readonly string[]
  /** Headers that hold credentials and may never be kept. */
  readonly secretHeaders: readonly string[]
  prepare(lookup: Lookup, route: string): Verify
}

/** The error for a request whose sender is not known; `challenge` becomes WWW-Authenticate. */
export function unauthenticated(message: string, challenge: string): LinkspanError {
  return new LinkspanError('UNAUTHENTICATED', message, { details: { challenge } })
}

/** The error for a signature that does not fit. */
export function signatureInvalid(message: string, challenge: string): LinkspanError {
  return new LinkspanError('SIGNATURE_INVALID', message, { details: { challenge } })
}
