import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type JsonLoggerOptions, jsonLogger } from './json-logger.ts'

function logged(
  fields: Readonly<Record<string, unknown>>,
  options: Partial<JsonLoggerOptions> = {},
): Record<string, unknown> {
  const lines: string[] = []
  jsonLogger({ stream: { write: (line) => lines.push(line) }, clock: { now: () => 0 }, ...options }).log(
    'warn',
    'e',
    fields,
  )
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^[^\n]*\n$/)
  return JSON.parse(lines[0] as string)
}

describe('jsonLogger', () => {
  it('writes one line per event', () => {
    expect(logged({ flow: 'a\nb', n: 1 }, { fields: { project: 'hub' } })).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'warn',
      event: 'e',
      project: 'hub',
      flow: 'a\nb',
      n: 1,
    })
  })

  it('leaves out what is below its level', () => {
    const lines: string[] = []
    const logger = jsonLogger({
      stream: { write: (line) => lines.push(line) },
      clock: { now: () => 0 },
      level: 'warn',
    })
    logger.log('info', 'quiet')
    logger.log('error', 'loud')
    expect(lines).toHaveLength(1)
  })

  it('hides values under secret-looking names, at any depth', () => {
    const canary = 'canary'
    const names = [
      'password',
      'clientSecret',
      'API_KEY',
      'authorization',
      'Set-Cookie',
      'accessToken',
      'x-hub-signature',
      'privateKey',
    ]
    const fields = Object.fromEntries(names.map((name) => [name, canary]))
    const text = JSON.stringify(logged({ ...fields, a: [{ deep: fields, token: { value: canary } }] }))
    expect(text).not.toContain(canary)
    expect(logged({ key: 'customer-7', tokens: 3, author: 'ada' })).toMatchObject({
      key: 'customer-7',
      tokens: 3,
      author: 'ada',
    })
  })

  it('hides known secrets wherever they stand', () => {
    const text = JSON.stringify(
      logged(
        { message: 'refused for p"w-1 at x', error: new Error('p"w-1') },
        { secrets: () => ['p"w-1', 'x'] },
      ),
    )
    expect(text).not.toContain('w-1')
    expect(text).toContain('at x')
  })

  it('keeps the words of errors and their causes', () => {
    const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E1' })
    expect(logged({ error })).toMatchObject({
      error: { name: 'TypeError', message: 'outer', code: 'E1', cause: { name: 'Error', message: 'inner' } },
    })
  })

  it('does not let a field pass for the line itself', () => {
    expect(logged({ level: 'debug', event: 'fake', time: 0 })).toMatchObject({
      level: 'warn',
      event: 'e',
      'field.level': 'debug',
    })
  })

  it('writes whatever it is given, and never throws', () => {
    const circle: Record<string, unknown> = {
      big: 10n,
      when: new Date(Number.NaN),
      f: () => 1,
      bytes: new Uint8Array(3),
    }
    circle['self'] = circle
    const trap = {
      get a() {
        throw new Error('trap')
      },
    }
    expect(logged({ circle, trap })).toMatchObject({
      circle: { self: '[circular]', big: '10', bytes: '[3 bytes]' },
      trap: '[unreadable]',
    })
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.anything()), (fields) => void logged(fields)))
    const broken = jsonLogger({ stream: { write: () => expect.fail('disk full') }, clock: { now: () => 0 } })
    expect(() => broken.log('error', 'e')).not.toThrow()
  })
})
