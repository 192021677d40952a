import { createMetrics } from 'linkspan/serve'
import { expect, it } from 'vitest'
import { readSample, type Sample } from './metrics.ts'
import { history, quantile, ratesOf, stepRates, withSample } from './rates.ts'

/** An engine that counts, and what the console reads of it. */
function engine() {
  const metrics = createMetrics()
  let uptime = 0
  metrics.gauge('linkspan_uptime_seconds', {}, () => uptime)
  const flow = 'a "quoted" flow\n\\'
  return {
    flow,
    metrics,
    message(ending: string, seconds: number) {
      metrics.counter('linkspan_messages_accepted_total', { flow })
      metrics.counter('linkspan_messages_ended_total', { flow, ending })
      metrics.observe('linkspan_message_seconds', { flow }, seconds)
    },
    sampleAt(at: number): Sample {
      uptime = at
      return readSample(metrics.prometheus())
    },
  }
}

it('tells rates since the start from the first look, and over the window from then on', () => {
  const { flow, message, sampleAt } = engine()
  for (let n = 0; n < 100; n++) message('done', 0.02)
  let samples = withSample([], sampleAt(50))
  expect(ratesOf(samples, flow)).toMatchObject({ accepted: 2, failed: 0, over: 50 })
  for (const ending of ['done', 'done', 'dead', 'inDoubt']) message(ending, 0.02)
  samples = withSample(samples, sampleAt(52))
  expect(ratesOf(samples, flow)).toMatchObject({ accepted: 2, ended: 2, failed: 0.5, over: 2 })
  expect(history(samples, flow)).toEqual([{ accepted: 2, failed: 1 }])
  samples = withSample(samples, sampleAt(200))
  expect(ratesOf(samples, flow)).toMatchObject({ accepted: 0, failed: null, p50: null })
})

it('forgets an engine that was started again', () => {
  const { sampleAt } = engine()
  const samples = withSample(withSample([], sampleAt(50)), sampleAt(3))
  expect(samples.map(({ uptime }) => uptime)).toEqual([3])
})

it('keeps no more samples than it shows', () => {
  let samples: readonly Sample[] = []
  for (let uptime = 1; uptime < 500; uptime++) samples = withSample(samples, { uptime, flows: {} })
  expect(samples).toHaveLength(180)
})

it('finds quantiles between the bounds', () => {
  const buckets = [
    [0.1, 0],
    [0.2, 10],
    [1, 10],
    [Number.POSITIVE_INFINITY, 20],
  ] as const
  expect(quantile(buckets, 0.25)).toBeCloseTo(150)
  expect(quantile(buckets, 0.99)).toBe(1_000)
  expect(quantile([[1, 0]], 0.5)).toBeNull()
})

it('tells what became of a step’s attempts', () => {
  const { flow, metrics, sampleAt } = engine()
  const attempt = (outcome: string): void => {
    metrics.counter('linkspan_step_attempts_total', { flow, step: 'put', outcome })
    metrics.observe('linkspan_step_seconds', { flow, step: 'put' }, 0.01)
  }
  let samples = withSample([], sampleAt(10))
  for (const outcome of ['done', 'done', 'failed', 'unknown']) attempt(outcome)
  samples = withSample(samples, sampleAt(14))
  expect(stepRates(samples, flow, 'put')).toMatchObject({ perSecond: 1, failed: 0.5 })
  expect(stepRates(samples, flow, 'another')).toBeNull()
})
