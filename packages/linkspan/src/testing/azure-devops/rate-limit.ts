/** How many requests are taken before they are refused. */
export interface RateLimit {
  readonly requests: number
  readonly perMs: number
}

/** What a request is told of the limit. */
export interface Metered {
  readonly refused: boolean
  readonly headers: Readonly<Record<string, string>>
}

/** Counts requests in windows of fixed length, and says what is left as Azure DevOps does. */
export function createMeter(limit: RateLimit | undefined): (now: number) => Metered {
  let began = 0
  let used = 0
  return (now) => {
    if (limit === undefined) return { refused: false, headers: {} }
    if (now - began >= limit.perMs) [began, used] = [now, 0]
    used++
    const refused = used > limit.requests
    const resetMs = began + limit.perMs - now
    const left = Math.max(0, limit.requests - used)
    return {
      refused,
      headers: {
        'x-ratelimit-resource': 'simulator/requests',
        'x-ratelimit-delay': '0',
        'x-ratelimit-limit': String(limit.requests),
        'x-ratelimit-remaining': String(left),
        'x-ratelimit-reset': String(Math.ceil((began + limit.perMs) / 1_000)),
        ...(refused || left === 0 ? { 'retry-after': String(Math.max(1, Math.ceil(resetMs / 1_000))) } : {}),
      },
    }
  }
}
