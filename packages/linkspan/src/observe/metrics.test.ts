import { describe, expect, it } from 'vitest'
import { METRICS } from './metric-names.ts'
import { createMetrics } from './metrics.ts'

describe('metrics', () => {
  it('writes counters, gauges and histograms in the text format', () => {
    const metrics = createMetrics({
      hits_total: { type: 'counter', help: 'All hits.\nMore \\ less.', labels: ['path'] },
      level: { type: 'gauge', help: 'Level.', labels: [] },
      took_seconds: { type: 'histogram', help: 'Time.', labels: ['step'], buckets: [0.1, 1] },
    })
    metrics.counter('hits_total', { path: '/a"b\\c\n' })
    metrics.counter('hits_total', { path: '/a"b\\c\n' }, 2)
    metrics.counterOf('hits_total', { path: '/z' }).add(0.5)
    metrics.gauge('level', {}, () => 7)
    for (const seconds of [0.1, 0.100_1, 1, 30]) metrics.observe('took_seconds', { step: 's' }, seconds)
    expect(metrics.prometheus()).toBe(
      [
        '# HELP hits_total All hits.\\nMore \\\\ less.',
        '# TYPE hits_total counter',
        'hits_total{path="/a\\"b\\\\c\\n"} 3',
        'hits_total{path="/z"} 0.5',
        '# HELP level Level.',
        '# TYPE level gauge',
        'level 7',
        '# HELP took_seconds Time.',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{step="s",le="0.1"} 1',
        'took_seconds_bucket{step="s",le="1"} 3',
        'took_seconds_bucket{step="s",le="+Inf"} 4',
        'took_seconds_sum{step="s"} 31.2001',
        'took_seconds_count{step="s"} 4',
        '',
      ].join('\n'),
    )
  })

  it('takes labels in any order for the same series', () => {
    const metrics = createMetrics({})
    metrics.counter('x_total', { a: '1', b: '2' })
    metrics.counter('x_total', { b: '2', a: '1' })
    expect(metrics.prometheus()).toBe('# TYPE x_total counter\nx_total{a="1",b="2"} 2\n')
  })

  it('reads gauges when asked, the last one given, and leaves out one that throws', () => {
    const metrics = createMetrics({})
    let level = 1
    metrics.gauge('a', {}, () => 99)
    metrics.gauge('a', {}, () => level)
    metrics.gauge('b', {}, () => {
      throw new Error('closed')
    })
    level = 2
    expect(metrics.prometheus()).toBe('# TYPE a gauge\na 2\n# TYPE b gauge\n')
  })

  it('never counts down, nor what is no number', () => {
    const metrics = createMetrics({})
    metrics.counter('x_total', {}, -1)
    metrics.observe('y_seconds', {}, Number.NaN)
    metrics.gauge('z', {}, () => Number.POSITIVE_INFINITY)
    expect(metrics.prometheus()).toContain('x_total 0\n')
    expect(metrics.prometheus()).toContain('y_seconds_count 0\n')
    expect(metrics.prometheus()).toContain('z +Inf\n')
  })

  it('keeps names and labels to what the format allows', () => {
    const metrics = createMetrics({})
    expect(() => metrics.counter('no spaces', {})).toThrow('not a metric name')
    metrics.counter('ok', { 'no-dash': '1', '9th': '2' })
    expect(metrics.prometheus()).toContain('ok{_9th="2",no_dash="1"} 1')
    expect(() => metrics.gauge('ok', {}, () => 1)).toThrow('is a counter and was used as a gauge')
    expect(() => createMetrics().counter('linkspan_commit_seconds', {})).toThrow('is a histogram')
  })

  it('describes its own names well', () => {
    for (const [name, { type, help, buckets }] of Object.entries(METRICS)) {
      expect(name).toMatch(type === 'counter' ? /^linkspan_\w+_total$/ : /^linkspan_\w+(?<!_total)$/)
      expect(help).toMatch(/^[A-Z0-9].*\.$/)
      expect(buckets !== undefined).toBe(type === 'histogram')
      expect(buckets?.toSorted((a, b) => a - b)).toEqual(buckets)
    }
  })
})
