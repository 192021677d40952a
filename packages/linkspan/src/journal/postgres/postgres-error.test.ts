import { describe, expect, it } from 'vitest'
import { journalError, openingError } from './postgres-error.ts'

const fromServer = (code: string): Error => Object.assign(new Error('said so'), { code, severity: 'ERROR' })
const fromSystem = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

describe('what the server and the client say', () => {
  it.each([
    ['53100', 'JOURNAL_FULL'],
    ['25006', 'JOURNAL_UNREACHABLE'],
    ['57P01', 'JOURNAL_UNREACHABLE'],
    ['57P02', 'JOURNAL_UNREACHABLE'],
    ['57P03', 'JOURNAL_UNREACHABLE'],
    ['57014', 'JOURNAL_UNREACHABLE'],
    ['53300', 'JOURNAL_UNREACHABLE'],
    ['53200', 'JOURNAL_UNREACHABLE'],
    ['55P03', 'JOURNAL_UNREACHABLE'],
    ['40001', 'JOURNAL_UNREACHABLE'],
    ['40P01', 'JOURNAL_UNREACHABLE'],
    ['08006', 'JOURNAL_UNREACHABLE'],
    ['28P01', 'JOURNAL_UNREACHABLE'],
    ['XX001', 'JOURNAL_DAMAGED'],
    ['XX002', 'JOURNAL_DAMAGED'],
    ['58030', 'JOURNAL_DAMAGED'],
    ['42501', 'JOURNAL_FAILED'],
    ['23505', 'JOURNAL_FAILED'],
    ['LK001', 'JOURNAL_TAKEN_OVER'],
    ['LK003', 'JOURNAL_TAIL_LOST'],
  ])('%s is %s', (state, code) => {
    const { retry, applied, ...error } = journalError(fromServer(state), 'here', 'Writing')
    expect(error.code).toBe(code)
    const later = code === 'JOURNAL_UNREACHABLE' || code === 'JOURNAL_FULL'
    expect([retry, applied]).toEqual([
      later ? 'later' : 'never',
      code === 'JOURNAL_UNREACHABLE' ? 'unknown' : 'no',
    ])
  })

  it.each(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])(
    '%s is a lost connection',
    (code) => {
      expect(journalError(fromSystem(code), 'here', 'Writing').code).toBe('JOURNAL_UNREACHABLE')
    },
  )

  it.each(['Connection terminated unexpectedly', 'Query read timeout', 'timeout expired'])(
    'so is "%s"',
    (text) => {
      expect(journalError(new Error(text), 'here', 'Writing').code).toBe('JOURNAL_UNREACHABLE')
    },
  )

  it('a defect is no lost connection', () => {
    expect(journalError(new TypeError('x is not a function'), 'here', 'Writing').code).toBe('JOURNAL_FAILED')
  })
})

describe('a wrong password', () => {
  it('is told to a person who starts an engine, and waited for by one that runs', () => {
    expect(openingError(fromServer('28P01'), 'here')).toMatchObject({
      code: 'JOURNAL_FAILED',
      message: expect.stringContaining('Correct the user or the password'),
    })
    expect(journalError(fromServer('28P01'), 'here', 'Writing').message).toContain(
      'Correct the user or the password',
    )
  })
})
