import { describe, expect, it } from 'vitest'
import { LinkspanError, storeError } from '../model/errors.ts'
import { memoryLogger } from '../testing/memory-logger.ts'
import { passwordsOf, secretHider } from './hide-secrets.ts'

const hider = secretHider(['pass"word/1', 'https://hooks.example/services/T0/B1/x9', 'abc'])

describe('hiding secrets', () => {
  it('takes them out of messages, details and causes, in all their forms, and keeps the rest', () => {
    const cause = Object.assign(new Error('POST /services/T0/B1/x9 failed'), { code: 'ECONNRESET' })
    const error = new LinkspanError('CALL_FAILED', 'pass"word/1 refused, abc kept', {
      retry: { afterMs: 7 },
      applied: 'unknown',
      details: {
        url: `https://x/?key=${encodeURIComponent('pass"word/1')}`,
        basic: ['', 'u:', 'ada:', 'adam:'].map((user) =>
          Buffer.from(`${user}pass"word/1`).toString('base64'),
        ),
        list: [{ 'https://hooks.example/services/T0/B1/x9': 1 }],
        count: 3,
      },
      cause,
    })
    expect(storeError(hider.error(error))).toEqual({
      name: 'LinkspanError',
      code: 'CALL_FAILED',
      message: '[redacted] refused, abc kept',
      retry: { afterMs: 7 },
      applied: 'unknown',
      details: {
        url: 'https://x/?key=[redacted]',
        basic: Array.from({ length: 4 }, () => expect.stringMatching(/^.{0,7}\[redacted\].{0,3}$/)),
        list: [{ '[redacted]': 1 }],
        count: 3,
      },
      causes: [{ name: 'Error', message: 'POST [redacted] failed', code: 'ECONNRESET' }],
    })
  })

  it('leaves an error without them as it is, the very same', () => {
    const error = new LinkspanError('CALL_FAILED', 'refused', { cause: new TypeError('no') })
    expect(hider.error(error)).toBe(error)
    expect(secretHider([]).error(error)).toBe(error)
  })

  it('takes them out of what is logged', () => {
    const logger = memoryLogger()
    hider.logger(logger).log('warn', 'x', { error: new Error('pass"word/1'), deep: [{ at: 'pass"word/1!' }] })
    hider.logger(logger).log('info', 'y')
    expect(logger.lines.map(({ fields }) => fields)).toEqual([
      { error: 'Error: [redacted]', deep: [{ at: '[redacted]!' }] },
      {},
    ])
  })
})

describe('passwords in URLs', () => {
  const clean = (secret: string, text: string): string =>
    secretHider([secret]).error(new LinkspanError('UNEXPECTED', text)).message

  it('are hidden in the address of a database, and the rest of it is told', () => {
    const url = 'postgres://linkspan:p%2Fass-w@db:5432/linkspan'
    const told = 'linkspan at db:5432/linkspan has no p/ass-w nor p%2Fass-w'
    expect(clean(url, told)).toBe('linkspan at db:5432/linkspan has no [redacted] nor [redacted]')
    expect(clean(url, `see ${url}`)).toBe('see [redacted]')
  })

  it('are found where they stand', () => {
    expect(passwordsOf('postgres://u:p%2Fw@h/d')).toEqual(['p%2Fw', 'p/w'])
    expect(passwordsOf('postgres://h/d?user=u&password=p%2Fw')).toEqual(['p/w'])
    expect(passwordsOf('postgres://u:pw@/d?host=/run')).toEqual(['pw'])
    expect(passwordsOf('https://u:100%25%@h')).toEqual(['100%25%'])
    expect(passwordsOf('no URL')).toEqual([])
    expect(passwordsOf('postgres://h/d')).toEqual([])
  })
})
