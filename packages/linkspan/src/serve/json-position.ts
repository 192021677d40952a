/** Where a text stops being JSON: an offset in UTF-16 units, and the line and column, both from 1. */
export interface JsonPosition {
  readonly offset: number
  readonly line: number
  readonly column: number
}

/**
 * Where a text that `JSON.parse` refuses goes wrong (RFC 8259), or null when it is well formed. `JSON.parse` names the
 * place in some of its messages only, and quotes the text. Needs no stack, so nesting of any depth is fine.
 */
export function jsonErrorPosition(text: string): JsonPosition | null {
  const offset = errorOffset(text)
  if (offset === null) return null
  const before = text.slice(0, offset)
  return { offset, line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}

/** What may come next: a value, a member name, either of them or the end of what is open, or what follows a value. */
type Expecting = 'value' | 'valueOrEnd' | 'name' | 'nameOrEnd' | 'after'

/** Where a token ends; `bad` when the text goes wrong there. */
interface Token {
  readonly end: number
  readonly bad: boolean
  readonly next: Expecting
}

function errorOffset(text: string): number | null {
  const open: string[] = []
  let at = 0
  let expecting: Expecting = 'value'
  for (;;) {
    at = skipSpace(text, at)
    if (expecting === 'after' && open.length === 0) return at === text.length ? null : at
    const token = tokenAt(text, at, expecting, open)
    if (token.bad) return token.end
    at = token.end
    expecting = token.next
  }
}

function tokenAt(text: string, at: number, expecting: Expecting, open: string[]): Token {
  const char = text[at]
  const last = open[open.length - 1]
  const mayEnd = expecting === 'after' || expecting === 'valueOrEnd' || expecting === 'nameOrEnd'
  if (mayEnd && last !== undefined && char === (last === '{' ? '}' : ']')) {
    open.pop()
    return { end: at + 1, bad: false, next: 'after' }
  }
  if (expecting === 'after')
    return { end: at + (char === ',' ? 1 : 0), bad: char !== ',', next: afterComma(last) }
  if (expecting === 'name' || expecting === 'nameOrEnd') return nameAt(text, at)
  return valueAt(text, at, open)
}

function afterComma(last: string | undefined): Expecting {
  return last === '{' ? 'name' : 'value'
}

function nameAt(text: string, at: number): Token {
  const name = stringAt(text, at, 'value')
  if (name.bad) return name
  const colon = skipSpace(text, name.end)
  const bad = text[colon] !== ':'
  return { end: bad ? colon : colon + 1, bad, next: 'value' }
}

function valueAt(text: string, at: number, open: string[]): Token {
  const char = text[at]
  if (char === '"') return stringAt(text, at, 'after')
  if (char !== '{' && char !== '[') return literalAt(text, at)
  open.push(char)
  return { end: at + 1, bad: false, next: char === '{' ? 'nameOrEnd' : 'valueOrEnd' }
}

const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

function literalAt(text: string, at: number): Token {
  LITERAL.lastIndex = at
  return LITERAL.test(text)
    ? { end: LITERAL.lastIndex, bad: false, next: 'after' }
    : { end: at, bad: true, next: 'after' }
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function stringAt(text: string, start: number, next: Expecting): Token {
  if (text[start] !== '"') return { end: start, bad: true, next }
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) >= 0x20) {
    const char = text[at]
    if (char === '"') return { end: at + 1, bad: false, next }
    ESCAPE.lastIndex = at
    if (char === '\\' && !ESCAPE.test(text)) break
    at = char === '\\' ? ESCAPE.lastIndex : at + 1
  }
  return { end: at, bad: true, next }
}

function skipSpace(text: string, start: number): number {
  let at = start
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at++
  return at
}
