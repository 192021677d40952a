import { expect, test } from 'vitest'
import { NOW } from './fixtures/fake-cli.ts'
import { createLog, type Level, type LogFormat } from './log.ts'

function log(format: LogFormat, level: Level = 'info') {
  const lines: string[] = []
  const style = (_tone: unknown, text: string): string => text
  return {
    lines,
    logger: createLog({ format, level, write: (text) => lines.push(text), now: () => NOW, style }),
  }
}

test('JSON lines carry time, level, event and fields, and errors by name and message', () => {
  const { lines, logger } = log('json')
  logger.log('error', 'commit failed', { error: new TypeError('no'), count: 3n })
  expect(lines).toHaveLength(1)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: '2026-11-21T06:30:00.000Z',
    level: 'error',
    event: 'commit failed',
    error: { name: 'TypeError', message: 'no' },
    count: '3',
  })
})

test('text lines are for people, and stay on one line', () => {
  const { lines, logger } = log('text')
  logger.log('warn', 'odd\nkey', { key: 'a b\u001b[0m', n: 1 })
  expect(lines).toEqual(['06:30:00Z warn  odd\\nkey key="a b\\u001b[0m" n=1\n'])
})

test('less important lines are left out', () => {
  const { lines, logger } = log('text', 'warn')
  logger.log('info', 'x')
  logger.log('debug', 'x')
  expect(lines).toEqual([])
})
