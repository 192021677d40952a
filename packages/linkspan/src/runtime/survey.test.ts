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
  const sources = new Map([['a', source]])
  offerSurvey({ journal, clock, metrics, sources, refusing: () => refusing, live: () => 9, active: () => 4 })
  expect(metrics.prometheus()).toContain('linkspan_journal_bytes 0')
  await clock.advance('2s')
  refusing = true
  const text = metrics.prometheus()
  expect(text).toContain('linkspan_journal_bytes 3500')
  expect(text).toContain('linkspan_oldest_waiting_seconds{flow="a"} 62')
  expect(text).toContain('linkspan_engine_refusing 1')
  expect(text).toContain('linkspan_uptime_seconds 2')
  expect(text).toContain('linkspan_messages_active{flow="a"} 4')
  expect(text).toContain('linkspan_messages_waiting{flow="a"} 5')
  expect(text).toMatch(/linkspan_source_state{flow="a",state="failing"} 1/)
  expect(text).toMatch(/linkspan_source_state{flow="a",state="running"} 0/)
})

it('asks the journal how many wait where others end messages too', async () => {
  const clock = virtualClock()
  const metrics = createMetrics()
  const row = { flow: 'a', reason: 'ready', child: false, count: 2, oldest: 0 }
  const journal = {
    backlog: { count: async () => [row, { ...row, reason: 'retry', count: 5 }, { ...row, child: true }] },
    history: { stats: async () => ({}) },
  } as unknown as Journal
  const sources = new Map([['a', { status: { state: 'passive', error: null } } as KeptSource]])
  offerSurvey({ journal, clock, metrics, sources, refusing: () => false, live: null, active: () => 4 })
  metrics.prometheus()
  await clock.advance('1ms')
  expect(metrics.prometheus()).toContain('linkspan_messages_waiting{flow="a"} 7')
})
