import { describe, expect, it } from 'vitest'
import { ErrorReply } from './fixtures/fake-keyspace.ts'
import { LinkBroken, redisError } from './redis-error.ts'

const adding = { what: 'adding to "orders" at redis.example.com:6379', writes: true }
const reading = { ...adding, writes: false }

class ClientOfflineError extends Error {}

const coded = (code: string, message = 'failed'): Error => Object.assign(new Error(message), { code })

describe('what Redis answers', () => {
  it.each([
    ['NOAUTH Authentication required.', 'CALL_UNAUTHENTICATED', 'later'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'CALL_UNAUTHENTICATED', 'later'],
    ['ERR invalid password', 'CALL_UNAUTHENTICATED', 'later'],
    ['ERR max number of clients reached', 'CALL_FAILED', 'later'],
    ["NOPERM this user has no permissions to run the 'xadd' command", 'CALL_REJECTED', 'never'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'CALL_REJECTED', 'never'],
    ['LOADING Redis is loading the dataset in memory', 'CALL_FAILED', 'later'],
    ["READONLY You can't write against a read only replica.", 'CALL_FAILED', 'later'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'CALL_FAILED', 'later'],
    ['MISCONF Redis is configured to save RDB snapshots', 'CALL_FAILED', 'later'],
    ['NOREPLICAS Not enough good replicas to write.', 'CALL_FAILED', 'later'],
    ['NOSCRIPT No matching script. Please use EVAL.', 'CALL_FAILED', 'later'],
    ['MOVED 3999 127.0.0.1:6381', 'CALL_REJECTED', 'never'],
    ["CROSSSLOT Keys in request don't hash to the same slot", 'CALL_REJECTED', 'never'],
    ["ERR wrong number of arguments for 'xadd' command", 'CALL_REJECTED', 'never'],
  ])('%s', (message, code, retry) => {
    expect(redisError(new ErrorReply(message), adding)).toMatchObject({ code, retry, applied: 'no' })
  })

  it('names what was done, what Redis said, and what to do', () => {
    const { message, details } = redisError(new ErrorReply('MOVED 3999 127.0.0.1:6381'), adding)
    expect(message).toMatch(/adding to "orders" at redis\.example\.com:6379 failed: MOVED .*Redis Cluster/)
    expect(details).toEqual({ redis: 'MOVED' })
  })
})

describe('what becomes of a connection', () => {
  it.each([
    ['ENOTFOUND', /check the host/],
    ['ECONNREFUSED', /runs and can be reached/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /tls\.ca/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /rediss:/],
  ])('there was none: %s', (code, advice) => {
    const error = redisError(new LinkBroken('no connection', false, coded(code)), adding)
    expect(error).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    expect(error.message).toMatch(advice)
  })

  it('it broke when something was written: nobody knows', () => {
    const broken = new LinkBroken('the connection broke (read ECONNRESET)', true, coded('ECONNRESET'))
    expect(redisError(broken, adding)).toMatchObject({ retry: 'later', applied: 'unknown' })
    expect(redisError(coded('EPIPE'), adding)).toMatchObject({ retry: 'later', applied: 'unknown' })
  })

  it('a read has no effect that could be left open', () => {
    expect(redisError(new LinkBroken('it broke', true), reading)).toMatchObject({ applied: 'no' })
  })

  it('what was never written was not applied', () => {
    expect(redisError(new ClientOfflineError('The client is offline'), adding)).toMatchObject({
      applied: 'no',
    })
  })

  it('shows nothing of what was sent', () => {
    const thrown = Object.assign(new Error('failed'), { command: { args: ['s3cret'] } })
    expect(JSON.stringify(redisError(thrown, adding).cause)).not.toContain('s3cret')
  })
})
