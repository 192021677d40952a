import { expect, test } from 'vitest'
import { endingTally, type HubMetrics, interpretMetrics } from './metrics.ts'

const TEXT = `# HELP linkspan_messages_ended_total Messages that ended.
# TYPE linkspan_messages_ended_total counter
linkspan_messages_ended_total{flow="github",ending="done"} 7
linkspan_messages_ended_total{flow="github",ending="dead"} 2
linkspan_messages_ended_total{flow="subscribers",ending="done"} 90
linkspan_messages_active{flow="github"} 3
linkspan_messages_active{flow="subscribers"} 1
linkspan_messages_waiting{flow="github",reason="ready"} 4
linkspan_messages_waiting{flow="github",reason="retry"} 5
linkspan_commit_seconds_bucket{le="+Inf"} 12
linkspan_messages_refused_total{flow="github",code="a \\" quote}"} 1
`

test('the endings and what is open are picked by flow', () => {
  const metrics = interpretMetrics(TEXT)
  expect(metrics.ended).toEqual({ done: 7, filtered: 0, dead: 2, inDoubt: 0, parked: 0, dropped: 0 })
  expect(metrics.open).toBe(12)
  expect(metrics.openOfAll).toBe(13)
})

test('a tally goes on when the counters of a new life start at zero, and when they do not', () => {
  const metricsOf = (done: number): HubMetrics => ({
    ...interpretMetrics(''),
    ended: { ...interpretMetrics('').ended, done },
  })
  const tally = endingTally()
  for (const done of [5, 9, 2, 4]) tally.add(metricsOf(done))
  expect(tally.counts.done).toBe(13)
  const lasting = endingTally()
  for (const done of [5, 9, 9, 12]) lasting.add(metricsOf(done))
  expect(lasting.total()).toBe(12)
})
