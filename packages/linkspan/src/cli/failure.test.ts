import { expect, test } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import { errorJson, errorText, exitCodeOf, unreachable, wrongUse } from './failure.ts'

test('what was thrown decides the exit code', () => {
  expect(exitCodeOf(wrongUse('x'))).toBe(2)
  expect(exitCodeOf(unreachable('x'))).toBe(3)
  expect(exitCodeOf(new LinkspanError('MESSAGE_UNKNOWN', 'x'))).toBe(1)
  expect(exitCodeOf(new LinkspanError('FLOW_UNKNOWN', 'x'))).toBe(1)
  expect(exitCodeOf(new LinkspanError('JOURNAL_FULL', 'x'))).toBe(1)
  expect(exitCodeOf(new LinkspanError('JOURNAL_NEWER', 'x'))).toBe(3)
  expect(exitCodeOf(new LinkspanError('PORT_IN_USE', 'x'))).toBe(3)
  expect(exitCodeOf(new LinkspanError('SECRET_MISSING', 'x'))).toBe(3)
  expect(exitCodeOf('a string')).toBe(1)
})

test('causes are told once each, a stack only when asked for', () => {
  const cause = new Error('connect ECONNREFUSED', { cause: new Error('connect ECONNREFUSED') })
  const error = new LinkspanError('CONNECTION_FAILED', 'The engine does not answer.', { cause })
  expect(errorText(error, false)).toBe('error: The engine does not answer.\n  because: connect ECONNREFUSED')
  expect(errorText(error, true)).toContain('failure.test.ts')
})

test('what nobody expected says how to see more', () => {
  expect(errorText(new TypeError('x is not a function'), false)).toBe(
    'error: x is not a function\n  This was not expected. Run the command again with --verbose for the details.',
  )
  expect(errorText(undefined, false)).toContain('A value that is no Error was thrown')
})

test('as JSON it has a code', () => {
  expect(errorJson(new LinkspanError('FLOW_UNKNOWN', 'no'))).toEqual({
    error: { code: 'FLOW_UNKNOWN', message: 'no', exitCode: 1 },
  })
})
