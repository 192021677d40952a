import { expect, it } from 'vitest'
import { normalisedCause } from './causes.ts'

it.each([
  ['Customer 17 is unknown to "crm-2".', 'Customer … is unknown to "…".'],
  ['GET http://10.0.0.7:8080/a answered 503', 'GET http://…/a answered …'],
  ['No room for 018f6c2e-0f5c-7d59-9d0e-6f1a2b3c4d5e in shard 4', 'No room for … in shard …'],
  ['The message 2-81hxiq2xfx59 is gone.', 'The message … is gone.'],
  ['"chat.say" did not answer within 5000 ms.', '"chat.say" did not answer within … ms.'],
  ['no\n  room', 'no room'],
  ['no room', 'no room'],
])('%s is told as %s', (message, cause) => {
  expect(normalisedCause(message)).toBe(cause)
})

it('is short, whatever the message', () => {
  expect(normalisedCause('word '.repeat(100_000)).length).toBeLessThanOrEqual(300)
})
