import { describe, expect, it } from 'vitest'
import { LinkspanError, restoreError, storeError } from './errors.ts'

const MOST = 16_384

/** A message of so many characters, which ends otherwise than it begins. */
const long = (length: number): string => `begin ${'x'.repeat(length - 10)} end`

describe('what is kept of an error', () => {
  it('is all of one that is not too long', () => {
    const error = new LinkspanError('CALL_REJECTED', long(MOST), { details: { status: 422 } })
    expect(storeError(error).message).toBe(error.message)
    expect(storeError(error).details).toEqual({ status: 422 })
  })

  it('is the beginning of a message of a megabyte, and how much was cut', () => {
    const stored = storeError(new LinkspanError('CALL_REJECTED', long(1_048_576)))
    expect(stored.message.length).toBeLessThanOrEqual(MOST)
    expect(stored.message.length).toBeGreaterThan(MOST - 100)
    expect(stored.message).toMatch(/^begin x+ … \(\d+ of 1048576 characters are cut off\)$/)
    const [, kept = '', cut = ''] = /^(begin x+) … \((\d+) /.exec(stored.message) ?? []
    expect(kept.length + Number(cut)).toBe(1_048_576)
  })

  it('is cut once, however often it is stored and restored', () => {
    const once = storeError(
      new LinkspanError('CALL_REJECTED', long(100_000), { cause: new Error(long(70_000)) }),
    )
    expect(storeError(restoreError(once))).toEqual(once)
  })

  it('does not end in half a character', () => {
    for (const before of ['', 'x']) {
      const { message } = storeError(new Error(before + '🚢'.repeat(20_000)))
      expect(message.isWellFormed()).toBe(true)
    }
  })

  it('is the beginning of the message of each cause', () => {
    const inner = new Error(long(30_000))
    const { causes } = storeError(
      new LinkspanError('CALL_FAILED', 'no', { cause: new Error(long(50_000), { cause: inner }) }),
    )
    expect(causes.map(({ message }) => message.length <= MOST)).toEqual([true, true])
    expect(causes[1]?.message).toContain('of 30000 characters are cut off')
  })

  it('is what fits of its details, with the names of what does not', () => {
    const details = { status: 422, body: 'y'.repeat(1_000_000), step: 'put' }
    expect(storeError(new LinkspanError('CALL_REJECTED', 'no', { details })).details).toEqual({
      status: 422,
      step: 'put',
      cutOff: 'body (1000002 characters)',
    })
  })

  it('is JSON whatever its details are', () => {
    const around: Record<string, unknown> = { status: 500 }
    around['self'] = around
    const stored = storeError(new LinkspanError('CALL_FAILED', 'no', { details: { ...around, big: 1n } }))
    expect(stored.details).toEqual({ status: 500, cutOff: 'self (no JSON), big (no JSON)' })
    expect(() => JSON.stringify(stored)).not.toThrow()
  })
})
