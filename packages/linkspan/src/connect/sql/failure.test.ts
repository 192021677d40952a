import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import type { Dialect } from './dialect.ts'
import { sqlError } from './failure.ts'
import { mysqlDialect } from './mysql-dialect.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const failed = (message: string, fields: object): Error => Object.assign(new Error(message), fields)
const pg = (code: string): Error => failed('x', { code, severity: 'ERROR' })
const my = (errno: number, sqlState = 'HY000'): Error => failed('x', { errno, sqlState, code: 'ER_X' })
const lite = (errcode: number): Error => failed('x', { errcode, code: 'ERR_SQLITE_ERROR' })

const judged = (dialect: Dialect, thrown: unknown, open: boolean, reason?: unknown) => {
  const aborted = reason === undefined ? null : { reason }
  const { code, retry, applied } = sqlError(thrown, { what: '"x"', dialect, open, aborted })
  return `${code} ${String(retry)} ${applied}`
}

describe('a failure of a database', () => {
  it.each([
    [postgresDialect, pg('23505'), 'CALL_REJECTED never no'],
    [postgresDialect, pg('22P02'), 'CALL_REJECTED never no'],
    [postgresDialect, pg('42P01'), 'CALL_REJECTED never no'],
    [postgresDialect, pg('P0001'), 'CALL_REJECTED never no'],
    [postgresDialect, pg('40001'), 'CALL_FAILED later no'],
    [postgresDialect, pg('40P01'), 'CALL_FAILED later no'],
    [postgresDialect, pg('55P03'), 'CALL_FAILED later no'],
    [postgresDialect, pg('57014'), 'CALL_FAILED later no'],
    [postgresDialect, pg('53300'), 'CALL_FAILED later no'],
    [postgresDialect, pg('25006'), 'CALL_FAILED later no'],
    [postgresDialect, pg('57P03'), 'CALL_FAILED later no'],
    [postgresDialect, pg('28P01'), 'CALL_UNAUTHENTICATED later no'],
    [postgresDialect, pg('3D000'), 'CALL_UNAUTHENTICATED later no'],
    [postgresDialect, pg('57P01'), 'CALL_FAILED later unknown'],
    [postgresDialect, pg('40003'), 'CALL_FAILED later unknown'],
    [postgresDialect, pg('XX000'), 'CALL_FAILED later unknown'],
    [postgresDialect, failed('Connection terminated unexpectedly', {}), 'CALL_FAILED later unknown'],
    [postgresDialect, failed('read ECONNRESET', { code: 'ECONNRESET' }), 'CALL_FAILED later unknown'],
    [mysqlDialect, my(1062, '23000'), 'CALL_REJECTED never no'],
    [mysqlDialect, my(1406, '22001'), 'CALL_REJECTED never no'],
    [mysqlDialect, my(1146, '42S02'), 'CALL_REJECTED never no'],
    [mysqlDialect, my(1644, '45000'), 'CALL_REJECTED never no'],
    [mysqlDialect, my(3819), 'CALL_REJECTED never no'],
    [mysqlDialect, my(1205), 'CALL_FAILED later no'],
    [mysqlDialect, my(1213, '40001'), 'CALL_FAILED later no'],
    [mysqlDialect, my(1040, '08004'), 'CALL_FAILED later no'],
    [mysqlDialect, my(1290), 'CALL_FAILED later no'],
    [mysqlDialect, my(1045, '28000'), 'CALL_UNAUTHENTICATED later no'],
    [mysqlDialect, my(1927, '70100'), 'CALL_FAILED later unknown'],
    [mysqlDialect, my(1105), 'CALL_FAILED later unknown'],
    [
      mysqlDialect,
      failed('x', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }),
      'CALL_FAILED later unknown',
    ],
    [sqliteDialect, lite(2067), 'CALL_REJECTED never no'],
    [sqliteDialect, lite(1), 'CALL_REJECTED never no'],
    [sqliteDialect, lite(5), 'CALL_FAILED later no'],
    [sqliteDialect, lite(13), 'CALL_FAILED later no'],
    [sqliteDialect, lite(10), 'CALL_FAILED later unknown'],
  ])('%#: is judged by what it says', (dialect, thrown, expected) => {
    expect(judged(dialect, thrown, true)).toBe(expected)
    expect(judged(dialect, thrown, false)).toBe(expected.replace('unknown', 'no'))
  })

  it('that a time limit caused is one of time, and as open as the call was', () => {
    const reason = new LinkspanError('TIME_LIMIT', 'too late')
    expect(judged(postgresDialect, new Error('Connection terminated'), true, reason)).toBe(
      'CALL_TIMED_OUT later unknown',
    )
    expect(judged(postgresDialect, reason, false, new Error('stopped'))).toBe('CALL_FAILED later no')
  })

  it('of our own code is a failed step', () => {
    expect(judged(postgresDialect, new TypeError('x is not a function'), true)).toBe('STEP_FAILED never no')
  })

  it('keeps neither statement nor values', () => {
    const thrown = failed('duplicate key value violates unique constraint "users_mail"', {
      code: '23505',
      severity: 'ERROR',
      constraint: 'users_mail',
      detail: 'Key (mail)=(ada@example.com) already exists.',
      query: 'insert',
    })
    const error = sqlError(thrown, { what: '"x"', dialect: postgresDialect, open: true, aborted: null })
    expect(error.details).toEqual({ state: '23505', constraint: 'users_mail' })
    expect(JSON.stringify([error.message, error.details, { ...(error.cause as Error) }])).not.toContain(
      'ada@',
    )
  })
})
