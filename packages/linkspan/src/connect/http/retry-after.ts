import type { SystemLimits } from '../connector.ts'
import type { HttpReply } from './reply.ts'

const LONGEST_MS = 86_400_000

/**
 * How long a reply asks us to wait, in milliseconds, at most a day; null when it does not say.
 *
 * `Retry-After` counts first (RFC 9110, 10.2.3: seconds or a date, which is measured from the reply's own `Date` where
 * it has one, so that our clock does not matter). Then `RateLimit` (IETF draft: the `t` of the policies without rest),
 * then `RateLimit-Reset` and `X-RateLimit-Reset` (seconds, or seconds or milliseconds since 1970).
 */
export function retryAfterMs(reply: HttpReply, now: number): number | null {
  const { headers } = reply
  const found =
    fromRetryAfter(headers['retry-after'], headers['date'], now) ??
    fromRateLimit(headers['ratelimit']) ??
    fromReset(
      headers['ratelimit-reset'] ?? headers['x-ratelimit-reset'] ?? headers['x-rate-limit-reset'],
      now,
    )
  return found === null ? null : bounded(found)
}

function fromRetryAfter(value: string | undefined, date: string | undefined, now: number): number | null {
  if (value === undefined) return null
  if (/^\s*\d+\s*$/.test(value)) return Number(value) * 1_000
  const at = Date.parse(value)
  if (Number.isNaN(at)) return null
  const sent = Date.parse(date ?? '')
  return at - (Number.isNaN(sent) ? now : sent)
}

function fromRateLimit(value: string | undefined): number | null {
  if (value === undefined) return null
  const spent = policiesOf(value).filter(({ rest, reset }) => !(rest > 0) && !Number.isNaN(reset))
  return spent.length === 0 ? null : Math.max(...spent.map(({ reset }) => reset)) * 1_000
}

function policiesOf(value: string): { readonly rest: number; readonly reset: number }[] {
  return value.split(',').map((policy) => ({
    rest: Number(/;\s*r=(\d+)/.exec(policy)?.[1] ?? Number.NaN),
    reset: Number(/;\s*t=(\d+)/.exec(policy)?.[1] ?? Number.NaN),
  }))
}

function fromReset(value: string | undefined, now: number): number | null {
  const number = Number(value ?? Number.NaN)
  if (!Number.isFinite(number)) return null
  if (number > 1e12) return number - now
  return number > 1e9 ? number * 1_000 - now : number * 1_000
}

/**
 * What a reply says of the limits of its service, whatever its status; null when it says nothing. `Retry-After` asks for
 * quiet with 429, 503, 403 and with success; with 202 it says when to look for the result (RFC 9110, 15.3.3), and with a
 * redirect when to follow it. Else the policy with the least rest counts.
 */
export function limitsOf(reply: HttpReply, now: number): SystemLimits | null {
  const { headers, status } = reply
  const asksForQuiet = status === 429 || status === 503 || status === 403 || (status < 300 && status !== 202)
  const quietMs = asksForQuiet ? fromRetryAfter(headers['retry-after'], headers['date'], now) : null
  if (quietMs !== null) return { remaining: 0, resetMs: bounded(quietMs) }
  const policy = leastRest(headers['ratelimit'])
  if (policy !== null) return policy
  const rest =
    headers['ratelimit-remaining'] ?? headers['x-ratelimit-remaining'] ?? headers['x-rate-limit-remaining']
  const reset = headers['ratelimit-reset'] ?? headers['x-ratelimit-reset'] ?? headers['x-rate-limit-reset']
  const resetMs = fromReset(reset, now)
  if (rest === undefined || resetMs === null || !/^\s*\d+\s*$/.test(rest)) return null
  return { remaining: Number(rest), resetMs: bounded(resetMs) }
}

function leastRest(value: string | undefined): SystemLimits | null {
  const told = policiesOf(value ?? '').filter(({ rest, reset }) => rest >= 0 && reset >= 0)
  const least = told.sort((one, other) => one.rest - other.rest || other.reset - one.reset)[0]
  return least === undefined ? null : { remaining: least.rest, resetMs: bounded(least.reset * 1_000) }
}

function bounded(ms: number): number {
  return Math.min(LONGEST_MS, Math.max(0, ms))
}
