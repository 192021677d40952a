import { describe, expect, it } from 'vitest'
import { rabbitmqError } from './rabbitmq-error.ts'

const failing = (message: string, code?: number | string) =>
  Object.assign(new Error(message), code === undefined ? {} : { code })

describe('a failure of the client', () => {
  it.each([
    [
      'wrong password',
      failing(
        'Handshake terminated by server: 403 (ACCESS_REFUSED) with message "ACCESS_REFUSED - Login was refused"',
      ),
      'CALL_UNAUTHENTICATED',
      'later',
      'no',
    ],
    [
      'no such virtual host',
      failing('Expected ConnectionOpenOk; got <ConnectionClose channel:0>'),
      'CALL_UNAUTHENTICATED',
      'later',
      'no',
    ],
    [
      'no right to an exchange',
      failing('403 (ACCESS-REFUSED)', 403),
      'CALL_UNAUTHENTICATED',
      'never',
      'unknown',
    ],
    ['no such exchange', failing('404 (NOT-FOUND)', 404), 'CALL_FAILED', 'later', 'unknown'],
    ['declared otherwise', failing('406 (PRECONDITION-FAILED)', 406), 'CALL_FAILED', 'later', 'unknown'],
    ['used alone by another', failing('405 (RESOURCE-LOCKED)', 405), 'CALL_FAILED', 'later', 'unknown'],
    ['nobody listens', failing('connect ECONNREFUSED', 'ECONNREFUSED'), 'CALL_FAILED', 'later', 'no'],
    ['an unknown host', failing('getaddrinfo ENOTFOUND nowhere', 'ENOTFOUND'), 'CALL_FAILED', 'later', 'no'],
    [
      'both addresses of a host',
      Object.assign(new AggregateError([failing('connect ECONNREFUSED ::1', 'ECONNREFUSED')]), {}),
      'CALL_FAILED',
      'later',
      'no',
    ],
    [
      'an unknown certificate',
      failing('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
      'CALL_FAILED',
      'later',
      'no',
    ],
    ['a port without TLS', failing('wrong version number', 'EPROTO'), 'CALL_FAILED', 'later', 'no'],
    ['a full queue', failing('message nacked'), 'CALL_FAILED', 'later', 'unknown'],
    [
      'a broker that shuts down',
      failing('Connection closed: 320 (CONNECTION-FORCED)', 320),
      'CALL_FAILED',
      'later',
      'unknown',
    ],
    ['a reset', failing('read ECONNRESET', 'ECONNRESET'), 'CALL_FAILED', 'later', 'unknown'],
    ['silence', failing('Heartbeat timeout'), 'CALL_TIMED_OUT', 'later', 'unknown'],
    ['what is no error', 'odd', 'CALL_FAILED', 'later', 'unknown'],
  ])('%s', (_what, thrown, code, retry, applied) => {
    const writing = rabbitmqError(thrown, { what: 'publish to "x" at host:5672', writes: true })
    expect({ code: writing.code, retry: writing.retry, applied: writing.applied }).toEqual({
      code,
      retry,
      applied,
    })
    expect(writing.message).toMatch(/^RabbitMQ: publish to "x" at host:5672 failed: /)
    const asking = rabbitmqError(thrown, { what: 'asking', writes: false })
    expect(asking.applied).toBe('no')
    expect(asking.message).not.toMatch(/may or may not/)
  })

  it('is left as it is where it says all itself', () => {
    const said = rabbitmqError(failing('x'), { what: 'a', writes: true })
    expect(rabbitmqError(said, { what: 'b', writes: false })).toBe(said)
  })
})
