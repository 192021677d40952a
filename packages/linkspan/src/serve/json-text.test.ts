import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonErrorPosition } from './json-position.ts'
import { MAX_DEPTH, parseJson } from './json-text.ts'
import type { Refusal } from './refusal.ts'

function refusalOf(text: string): Refusal {
  try {
    parseJson(text)
  } catch (thrown) {
    return thrown as Refusal
  }
  throw new Error(`${text.slice(0, 40)} was accepted`)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('jsonErrorPosition', () => {
  it.each([
    ['', 0],
    ['{', 1],
    ['{"a" 1}', 5],
    ['{"a":1,}', 7],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{a:1}', 1],
    ['"ab', 3],
    ['"a\u0001"', 2],
    ['"a\\x"', 2],
    ['01', 1],
    ['tru', 0],
    ['{}x', 2],
    ['{"a":1]', 6],
    ['nul', 0],
    ["{'a':1}", 1],
  ])('finds where %j goes wrong', (text, offset) => {
    expect(isJson(text)).toBe(false)
    expect(jsonErrorPosition(text)?.offset).toBe(offset)
  })

  it('counts lines and columns from 1', () => {
    expect(jsonErrorPosition('{\n  "a": 1,\n  b: 2\n}')).toEqual({ offset: 14, line: 3, column: 3 })
  })

  it('agrees with JSON.parse on what is JSON', () => {
    const alphabet = fc.constantFrom(...'{}[]",:0123.eE+-\\u truefalsn\n\u0007')
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: alphabet, maxLength: 12 }), mutated()), (text) => {
        expect(jsonErrorPosition(text) === null).toBe(isJson(text))
      }),
      { numRuns: 3_000 },
    )
  })
})

/** Well-formed JSON with one character changed, or none. */
function mutated(): fc.Arbitrary<string> {
  return fc
    .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom('', ',', '"', '}', '0'))
    .map(([json, at, char]) => {
      const place = at % (json.length + 1)
      return json.slice(0, place) + char + json.slice(place + (at % 2))
    })
}

describe('parseJson', () => {
  it('answers what JSON.parse answers', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(!text.includes('__proto__'))
        expect(parseJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('says where malformed text goes wrong without quoting it', () => {
    const { refusal, message, members } = refusalOf('{"password":"hunter2",}')
    expect(refusal).toBe('BODY_MALFORMED')
    expect(message).toBe('The body is not JSON at line 1, column 23 (offset 22).')
    expect(members).toEqual({ position: { offset: 22, line: 1, column: 23 } })
  })

  it('accepts nesting up to the limit and not beyond, brackets in strings not counted', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseJson(nested(MAX_DEPTH))).toBeInstanceOf(Array)
    expect(refusalOf(nested(MAX_DEPTH + 1)).message).toContain('nests deeper')
    expect(refusalOf(`[${nested(100_000)}]`).message).toContain('nests deeper')
    expect(refusalOf(`["${']'.repeat(2_000)}",${nested(MAX_DEPTH)}]`).message).toContain('nests deeper')
    expect(parseJson(`["\\"${'['.repeat(2_000)}"]`)).toHaveLength(1)
  })

  it.each([
    '{"a":[{"__proto__":{"admin":true}}]}',
    '{"a":[{"\\u005f_proto__":1}]}',
    '{"a":[{"__\\u0070roto__":1}]}',
  ])('refuses a member called __proto__ in %s, with its place', (text) => {
    expect(refusalOf(text).issues).toEqual([
      { detail: 'has a name that is not accepted', pointer: '/a/0/__proto__' },
    ])
  })

  it('lets the word stand in values', () => {
    expect(parseJson('{"a":"__proto__ \\u005f"}')).toEqual({ a: '__proto__ _' })
  })
})
