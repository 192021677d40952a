import { randomUUID } from 'node:crypto'
import { httpConnection } from 'linkspan/http'
import type { BugTask } from '../protocol.ts'
import { settings } from '../settings.ts'

const connection = httpConnection('bugs')

/** Reports a bug: guarantee `key`, as the tracker answers a repeated `Idempotency-Key` from memory. */
export const reportBug = connection.post({
  name: 'report',
  path: '/bugs',
  body: (bug: BugTask) => bug,
  guarantee: { kind: 'key', validFor: '24h' },
  response: 'none',
  timeout: '1s',
  // A new key for each attempt is as good as none.
  ...(settings.unsafe === 'no-dedupe' ? { headers: () => ({ 'idempotency-key': randomUUID() }) } : {}),
})
