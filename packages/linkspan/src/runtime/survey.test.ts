import { expect, it } from 'vitest'
import type { Journal } from '../journal/journal.ts'
import { createMetrics } from '../observe/metrics.ts'
import { virtualClock } from '../testing/virtual-clock.ts'
import type { KeptSource } from './sources.ts'
import { offerSurvey } from './survey.ts'

it('shows what the journal says as of the reading before, and the rest as it is', async () => {
  const clock = virtualClock({ start: 100_000 })
  const metrics = createMetrics()
  const journal = {
    backlog: { count: async () => [{ flow: 'a', reason: 'ready', child: false, count: 2, oldest: 40_000 }] },
    history: { stats: async () => ({ databaseBytes: 3_000, logBytes: 500 }) },
  } as unknown as Journal
  const source = { status: { state: 'failing', error: null } } as KeptSource
  let refusing = false
  offerSurvey({ journal, clock, metrics, sources: new Map([['a', source]]), refusing: () => refusing })
  expect(metrics.prometheus()).toContain('linkspan_journal_bytes 0')
  await clock.advance('2s')
  refusing = true
  const text = metrics.prometheus()
  expect(text).toContain('linkspan_journal_bytes 3500')
  expect(text).toContain('linkspan_oldest_waiting_seconds{flow="a"} 62')
  expect(text).toContain('linkspan_engine_refusing 1')
  expect(text).toContain('linkspan_uptime_seconds 2')
  expect(text).toMatch(/linkspan_source_state{flow="a",state="failing"} 1/)
  expect(text).toMatch(/linkspan_source_state{flow="a",state="running"} 0/)
})
