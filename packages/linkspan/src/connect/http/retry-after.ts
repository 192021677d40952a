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
  return found === null ? null : Math.min(LONGEST_MS, Math.max(0, found))
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
  const policies = value.split(',').map((policy) => ({
    rest: Number(/;\s*r=(\d+)/.exec(policy)?.[1] ?? Number.NaN),
    reset: Number(/;\s*t=(\d+)/.exec(policy)?.[1] ?? Number.NaN),
  }))
  const spent = policies.filter(({ rest, reset }) => !(rest > 0) && !Number.isNaN(reset))
  return spent.length === 0 ? null : Math.max(...spent.map(({ reset }) => reset)) * 1_000
}

function fromReset(value: string | undefined, now: number): number | null {
  const number = Number(value ?? Number.NaN)
  if (!Number.isFinite(number)) return null
  if (number > 1e12) return number - now
  return number > 1e9 ? number * 1_000 - now : number * 1_000
}
