import { describe, expect, it } from 'vitest'
import type { HttpReply } from './reply.ts'
import { limitsOf } from './retry-after.ts'

const NOW = Date.UTC(2026, 10, 1, 12)

const reply = (status: number, headers: Readonly<Record<string, string>>): HttpReply => ({
  status,
  headers,
  header: (name) => headers[name],
  bytes: new Uint8Array(),
  text: () => '',
  json: () => null,
})

describe('what a reply says of the limits of its service', () => {
  it.each([
    [429, { 'retry-after': '7' }, { remaining: 0, resetMs: 7_000 }],
    [503, { 'retry-after': '7' }, { remaining: 0, resetMs: 7_000 }],
    // Azure DevOps slows down before it refuses.
    [200, { 'retry-after': '30', 'x-ratelimit-remaining': '50' }, { remaining: 0, resetMs: 30_000 }],
    [200, { ratelimit: '"hour";r=90;t=1800, "second";r=3;t=1' }, { remaining: 3, resetMs: 1_000 }],
    [404, { 'ratelimit-remaining': '12', 'ratelimit-reset': '30' }, { remaining: 12, resetMs: 30_000 }],
    [
      200,
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1_000 + 90) },
      { remaining: 0, resetMs: 90_000 },
    ],
    [200, { 'x-rate-limit-remaining': '4', 'x-rate-limit-reset': '5' }, { remaining: 4, resetMs: 5_000 }],
    [200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '-5' }, { remaining: 0, resetMs: 0 }],
    [202, { 'retry-after': '7' }, null],
    [301, { 'retry-after': '7' }, null],
    [429, {}, null],
    [200, { 'x-ratelimit-remaining': '5' }, null],
    [200, { 'x-ratelimit-remaining': 'many', 'x-ratelimit-reset': '5' }, null],
    [200, { ratelimit: 'nonsense' }, null],
  ])('with %i and %j is %j', (status, headers, said) => {
    expect(limitsOf(reply(status, headers), NOW)).toEqual(said)
  })
})
