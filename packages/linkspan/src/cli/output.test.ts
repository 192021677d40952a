import { expect, test } from 'vitest'
import { createOutput, tableLines } from './output.ts'
import { createStyle } from './style.ts'
import { displayWidth } from './text.ts'

const plain = (_tone: unknown, text: string): string => text
const columns = [
  { title: 'ID', value: (row: Row) => row.id },
  { title: 'TEXT', value: (row: Row) => row.text, flexible: true },
  { title: 'N', value: (row: Row) => String(row.n), align: 'right' as const },
]
interface Row {
  readonly id: string
  readonly text: string
  readonly n: number
}
const rows: readonly Row[] = [
  { id: 'a', text: 'short', n: 7 },
  { id: 'bcd', text: '日本 and a text that is far too long for it', n: 1000 },
]

test('columns are aligned', () => {
  expect(tableLines(rows.slice(0, 1), columns, Number.POSITIVE_INFINITY, plain)).toEqual([
    'ID  TEXT   N',
    'a   short  7',
  ])
})

test.each([30, 40, 60])('a table fits into %i columns', (width) => {
  const lines = tableLines(rows, columns, width, plain)
  for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width)
  expect(lines[2]).toContain('1000')
})

test('foreign text cannot paint the terminal', () => {
  const [, line] = tableLines([{ id: '\u001b[31m', text: '', n: 0 }], columns, 80, plain)
  expect(line).toContain('\\u001b[31m')
})

function streams(env: Record<string, string>, isTTY: boolean) {
  const text: string[] = []
  const stream = { write: (part: string) => void text.push(part), isTTY, columns: isTTY ? 80 : undefined }
  return { text, terminal: { stdout: stream, stderr: stream, env } }
}

test('colours only on a terminal that wants them', () => {
  const on = streams({}, true).terminal
  expect(createStyle(on.stdout, {})('bad', 'x')).toBe('\u001b[31mx\u001b[39m')
  expect(createStyle(on.stdout, { NO_COLOR: '1' })('bad', 'x')).toBe('x')
  expect(createStyle(on.stdout, { TERM: 'dumb' })('bad', 'x')).toBe('x')
  expect(createStyle(streams({}, false).terminal.stdout, {})('bad', 'x')).toBe('x')
})

test('with --json, a list is one document per line and nothing is said to people', () => {
  const { text, terminal } = streams({}, false)
  const out = createOutput(terminal, true)
  out.list(rows, columns, 'none')
  out.note('for people')
  out.list([], columns, 'none')
  const lines = text.join('').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toEqual(rows)
})
