import { describe, expect, it } from 'vitest'
import { redisConfig } from './redis-config.ts'

const read = (given: object) => {
  const result = redisConfig['~standard'].validate(given)
  if (result instanceof Promise) throw new Error('it is read at once')
  return result.issues ? result.issues.map(({ message }) => message).join('; ') : result.value
}

describe('the configuration', () => {
  it('takes an address apart', () => {
    expect(read({ url: 'rediss://ada:p%40ss@[::1]:7000/3' })).toMatchObject({
      url: { host: '::1', port: 7000, secure: true, database: 3, user: 'ada', password: 'p@ss' },
      connectTimeout: 10_000,
      answerTimeout: 30_000,
    })
    expect(read({ url: 'redis://redis.example.com' })).toMatchObject({
      url: { port: 6379, secure: false, database: 0 },
    })
  })

  it.each(['http://redis.example.com', 'redis.example.com:6379', 'redis://h/x', 'redis://h?a=b', ''])(
    'refuses the address %s without showing it',
    (url) => expect(read({ url })).toMatch(/must be an address/),
  )

  it('shows no password that is not written as it must be', () => {
    expect(read({ url: 'redis://ada:100%@h' })).toMatch(/%25/)
    expect(read({ url: 'redis://ada:100%@h' })).not.toContain('ada')
  })
})
