import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import type { OAuth } from './http-config.ts'
import type { HttpReply } from './reply.ts'

/** Access tokens of one connection, had by OAuth 2.0 (RFC 6749): by client credentials (4.4) or a refresh token (6). */
export interface Tokens {
  /** The token to send now, or null where one has to be had first. */
  readonly current: string | null
  /** Resolves with a token that is good now; asked for once, however many calls want it. */
  get(): Promise<string>
  /** The service did not take this token: it is not sent again. */
  refused(token: string): void
}

/** What having tokens takes. */
export interface TokenOptions {
  readonly auth: OAuth
  readonly clock: Clock
  /** Posts a form to `auth.tokenUrl`; rejects with the error of the connection. */
  readonly post: (form: string, headers: Readonly<Record<string, string>>) => Promise<HttpReply>
  /** Is told of each new secret, so that it is taken out of texts. */
  readonly learned: (secret: string) => void
}

interface Token {
  readonly value: string
  /** When another one is asked for, by the monotonic clock; null: when the service refuses it. */
  readonly until: number | null
}

const EARLIEST_MS = 30_000
const LONGEST_TOLD = 200

/** Makes the source of tokens. Nothing is asked for before the first call. */
export function createTokens({ auth, clock, post, learned }: TokenOptions): Tokens {
  let token: Token | null = null
  let asking: Promise<string> | null = null
  /** A service may give another refresh token with each answer, and take the former one no more. */
  let { refreshToken } = auth

  const current = (): string | null =>
    token !== null && (token.until === null || clock.monotonic() < token.until) ? token.value : null

  const ask = async (): Promise<string> => {
    const asked = clock.monotonic()
    const reply = await post(formOf(auth, refreshToken), headersOf(auth))
    const { value, lifeMs, refresh } = read(auth, reply)
    for (const secret of [value, refresh]) if (secret !== undefined) learned(secret)
    refreshToken = refresh ?? refreshToken
    const until = lifeMs === null ? null : asked + lifeMs - Math.min(EARLIEST_MS, lifeMs / 10)
    token = { value, until }
    return value
  }

  return {
    get current() {
      return current()
    },
    get() {
      const present = current()
      if (present !== null) return Promise.resolve(present)
      asking ??= ask().finally(() => {
        asking = null
      })
      return asking
    },
    refused(value) {
      if (token?.value === value) token = null
    },
  }
}

function formOf(auth: OAuth, refreshToken: string | undefined): string {
  const form = new URLSearchParams(
    refreshToken === undefined
      ? { grant_type: 'client_credentials' }
      : { grant_type: 'refresh_token', refresh_token: refreshToken },
  )
  if (auth.scope !== undefined) form.set('scope', auth.scope)
  if (auth.audience !== undefined) form.set('audience', auth.audience)
  if (auth.credentials === 'body') {
    form.set('client_id', auth.clientId)
    form.set('client_secret', auth.clientSecret)
  }
  return form.toString()
}

/** RFC 6749, 2.3.1: id and secret are form-encoded before they become user and password. */
function headersOf({ credentials, clientId, clientSecret }: OAuth): Readonly<Record<string, string>> {
  const common = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  if (credentials === 'body') return common
  const user = `${encoded(clientId)}:${encoded(clientSecret)}`
  return { ...common, authorization: `Basic ${Buffer.from(user).toString('base64')}` }
}

function encoded(text: string): string {
  return new URLSearchParams({ t: text }).toString().slice(2)
}

interface Answer {
  readonly value: string
  readonly lifeMs: number | null
  readonly refresh: string | undefined
}

function read(auth: OAuth, reply: HttpReply): Answer {
  const fields = fieldsOf(reply)
  const { access_token: value, token_type: type, expires_in: seconds, refresh_token: refresh } = fields
  if (reply.status !== 200) throw refusal(auth, reply.status, fields)
  if (typeof value !== 'string' || value === '') throw unusable(auth, 'holds no access_token')
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer')
    throw unusable(
      auth,
      `has the token_type ${JSON.stringify(type.slice(0, LONGEST_TOLD))}; only Bearer is known`,
    )
  const life = Number(seconds ?? Number.NaN)
  return {
    value,
    lifeMs: life > 0 ? life * 1_000 : null,
    refresh: typeof refresh === 'string' ? refresh : undefined,
  }
}

function fieldsOf(reply: HttpReply): Readonly<Record<string, unknown>> {
  try {
    const value = reply.json()
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** RFC 6749, 5.2: `error` is one of a few words, and `error_description` is for people. */
function refusal(
  { tokenUrl }: OAuth,
  status: number,
  { error, error_description: description }: Readonly<Record<string, unknown>>,
): LinkspanError {
  const told = [error, description].filter((part) => typeof part === 'string' && part !== '').join(': ')
  const why = told === '' ? '' : ` (${told.slice(0, LONGEST_TOLD)})`
  const passing = status === 429 || status >= 500
  return new LinkspanError(
    passing ? 'CALL_FAILED' : 'CALL_UNAUTHENTICATED',
    `No access token was given by ${tokenUrl.origin}${tokenUrl.pathname}: it answered ${status}${why}. ${
      passing
        ? 'It is asked again later.'
        : "Check the connection's clientId, clientSecret, scope and refreshToken."
    }`,
    { retry: 'later', applied: 'no', details: { status } },
  )
}

function unusable({ tokenUrl }: OAuth, problem: string): LinkspanError {
  return new LinkspanError(
    'CALL_UNAUTHENTICATED',
    `The answer of ${tokenUrl.origin}${tokenUrl.pathname} ${problem}. Check the connection's tokenUrl.`,
    { retry: 'later', applied: 'no' },
  )
}
