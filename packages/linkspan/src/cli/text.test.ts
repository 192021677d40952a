import { expect, test } from 'vitest'
import { clean, counted, displayWidth, pad, truncate } from './text.ts'

test('control characters of foreign text become visible', () => {
  expect(clean('a\u001b[2Jb\nc\u202e')).toBe('a\\u001b[2Jb\\nc\\u202e')
})

test('wide characters and colour codes are measured as they are shown', () => {
  expect(displayWidth('日本')).toBe(4)
  expect(displayWidth('👩‍👩‍👧')).toBe(2)
  expect(displayWidth('\u001b[31mred\u001b[39m')).toBe(3)
  expect(displayWidth('e\u0301')).toBe(1)
})

test('cutting never exceeds the width and shows that something is missing', () => {
  expect(truncate('abcdef', 4)).toBe('abc…')
  expect(truncate('日本語', 4)).toBe('日…')
  expect(truncate('abc', 3)).toBe('abc')
  expect(truncate('abc', 0)).toBe('')
})

test('padding counts columns, not characters', () => {
  expect(pad('日', 4)).toBe('日  ')
  expect(pad('7', 3, 'left')).toBe('  7')
})

test('counts carry their noun', () => {
  expect(counted(1, 'message')).toBe('1 message')
  expect(counted(1234, 'message')).toBe('1,234 messages')
})
