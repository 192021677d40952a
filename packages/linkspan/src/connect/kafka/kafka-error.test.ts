import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import { answered, failing, tried } from './fixtures/connect.ts'
import { kafkaError } from './kafka-error.ts'

const of = (thrown: unknown, writes = true): LinkspanError =>
  kafkaError(thrown, { what: 'produce to "orders" at broker:9092', writes })

const refusedAt = (port: number): Error =>
  failing(
    `Connection to broker:${port} failed.`,
    {},
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  )

describe('a failure of the client', () => {
  it.each([
    ['SASL_AUTHENTICATION_FAILED', 'CALL_UNAUTHENTICATED', 'later', 'no'],
    ['TOPIC_AUTHORIZATION_FAILED', 'CALL_UNAUTHENTICATED', 'never', 'no'],
    ['GROUP_AUTHORIZATION_FAILED', 'CALL_UNAUTHENTICATED', 'never', 'no'],
    ['MESSAGE_TOO_LARGE', 'CALL_REJECTED', 'never', 'no'],
    ['INVALID_RECORD', 'CALL_REJECTED', 'never', 'no'],
    ['UNKNOWN_TOPIC_OR_PARTITION', 'CALL_FAILED', 'later', 'no'],
    ['NOT_LEADER_OR_FOLLOWER', 'CALL_FAILED', 'later', 'no'],
    ['NOT_ENOUGH_REPLICAS', 'CALL_FAILED', 'later', 'no'],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'CALL_FAILED', 'later', 'unknown'],
    ['REQUEST_TIMED_OUT', 'CALL_FAILED', 'later', 'unknown'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'CALL_FAILED', 'later', 'unknown'],
    ['THROTTLING_QUOTA_EXCEEDED', 'CALL_RATE_LIMITED', 'later', 'no'],
    ['A_WORD_OF_A_LATER_KAFKA', 'CALL_FAILED', 'later', 'unknown'],
  ])('by the word %s of a broker is %s, retry %s, applied %s', (apiId, code, retry, applied) => {
    const error = of(tried('produce', answered(apiId)))
    expect(error).toMatchObject({ code, retry, applied, details: { kafka: apiId } })
    expect(error.message).toContain('produce to "orders" at broker:9092 failed')
    expect(error.message).toContain(apiId)
  })

  it('to connect had no effect, and says what to look at', () => {
    const error = of(tried('produce', tried('metadata', refusedAt(1), refusedAt(2)), refusedAt(1)))
    expect(error).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
      details: { kafka: 'ECONNREFUSED' },
    })
    expect(error.message).toMatch(/Check that the brokers run/)
  })

  it('is unknown when a connection closed while a request was under way, whatever came after it', () => {
    const closed = failing('Connection closed')
    expect(of(closed)).toMatchObject({ applied: 'unknown', retry: 'later' })
    const later = tried('produce', closed, tried('metadata', refusedAt(1)))
    expect(of(later)).toMatchObject({ applied: 'unknown', retry: 'later' })
    expect(of(later).message).toContain('It may or may not have been written.')
    expect(of(tried('produce', closed, answered('MESSAGE_TOO_LARGE')))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'unknown',
    })
  })

  it('is known to have had no effect when it failed while brokers were asked for', () => {
    expect(of(tried('metadata', failing('Connection closed')))).toMatchObject({ applied: 'no' })
    expect(of(tried('initProducerId', failing('Request timed out')))).toMatchObject({ applied: 'no' })
  })

  it('without an answer in time is unknown', () => {
    expect(of(failing('Request timed out', { canRetry: false }))).toMatchObject({
      code: 'CALL_TIMED_OUT',
      applied: 'unknown',
      retry: 'later',
    })
  })

  it('to log in lies three levels down, and is found', () => {
    const inner = failing(
      'SASL authentication failed.',
      { code: 'PLT_KFK_AUTHENTICATION', canRetry: false },
      answered('SASL_AUTHENTICATION_FAILED', '/'),
    )
    const error = of(
      tried('metadata', tried('x', failing('Connection to broker:1 failed.', {}, inner), refusedAt(2))),
    )
    expect(error).toMatchObject({ code: 'CALL_UNAUTHENTICATED', retry: 'later', applied: 'no' })
    expect(error.message).toContain("the connection's sasl")
  })

  it('of TLS says so', () => {
    const untrusted = Object.assign(new Error('self-signed certificate'), {
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
    const error = of(failing('Connection to broker:1 failed.', {}, untrusted))
    expect(error).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    expect(error.message).toContain('tls.ca')
    expect(error.message).toContain('self-signed certificate')
  })

  it('that writes nothing is never unknown', () => {
    expect(of(failing('Connection closed'), false)).toMatchObject({ applied: 'no' })
  })

  it('that is none of the client’s is described', () => {
    expect(of('odd')).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'unknown' })
    expect(of('odd').message).toContain('odd')
    const own = new LinkspanError('CONFIG_INVALID', 'x')
    expect(of(own)).toBe(own)
  })
})
