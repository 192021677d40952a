import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createKeptTexts } from './kept-texts.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

it('hands out once what was kept, the last of a name, and null like a text', () => {
  const texts = createKeptTexts(10_000)
  texts.keep('a', 'first')
  texts.keep('a', 'second')
  texts.keep('b', null)
  expect(texts.take('a')).toBe('second')
  expect(texts.take('a')).toBeUndefined()
  expect(texts.take('b')).toBeNull()
})

it('forgets what was longest unused, and nothing while there is room', () => {
  const texts = createKeptTexts(1_000)
  const text = 'x'.repeat(100)
  for (const name of ['a', 'b']) texts.keep(name, text)
  texts.keep('a', texts.take('a') as string)
  texts.keep('c', text)
  expect(['a', 'b', 'c'].map((name) => texts.take(name))).toEqual([text, undefined, text])
})

it('keeps nothing that takes more than all the room', () => {
  const texts = createKeptTexts(1_000)
  texts.keep('small', 'x')
  texts.keep('large', 'x'.repeat(1_000))
  expect(texts.take('large')).toBeUndefined()
})

it('never answers anything but the last text of a name', () => {
  const act = fc.record({
    name: fc.constantFrom(...NAMES),
    text: fc.option(fc.string({ maxLength: 60 })),
    take: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
      const texts = createKeptTexts(900)
      const last = new Map<string, string | null>()
      for (const { name, text, take } of acts) {
        if (!take) {
          texts.keep(name, text)
          last.set(name, text)
          continue
        }
        const found = texts.take(name)
        if (found !== undefined) expect(found).toBe(last.get(name))
        last.delete(name)
      }
    }),
  )
})
