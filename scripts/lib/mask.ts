/** A string literal of a source text: where its opening quote stands, and what it says. */
export interface Literal {
  readonly at: number
  readonly value: string
}

/** A source text in which only code is left. */
export interface Masked {
  /** As long as the source, line for line; comments and the insides of strings and regexes are blanks. */
  readonly code: string
  readonly literals: ReadonlyMap<number, Literal>
}

interface Scan {
  readonly source: string
  readonly out: string[]
  readonly literals: Map<number, Literal>
  /** For each open template expression, how many braces are open inside it. */
  readonly templates: number[]
  at: number
}

const REGEX_BEFORE =
  /(?:^|[([{,;=:!&|?+\-*%^~<>]|\b(?:return|typeof|case|in|of|void|delete|do|else|await|yield))$/

/**
 * Blanks comments, strings, template texts and regular expressions out of TypeScript source, so that
 * plain patterns can be searched in the code that is left. Template expressions stay code.
 * A slash after `)` or `}` is read as a division: right in all but contrived code.
 */
export function mask(source: string): Masked {
  const scan: Scan = { source, out: [], literals: new Map(), templates: [], at: 0 }
  while (scan.at < source.length) step(scan)
  return { code: scan.out.join(''), literals: scan.literals }
}

function step(scan: Scan): void {
  const char = scan.source[scan.at] ?? ''
  if (char === '/') slash(scan)
  else if (char === "'" || char === '"') quoted(scan, char)
  else if (char === '`') template(scan)
  else if (scan.templates.length > 0 && (char === '{' || char === '}')) brace(scan, char)
  else keep(scan, 1)
}

function slash(scan: Scan): void {
  const end = commentEnd(scan) ?? regexEnd(scan)
  if (end === undefined) keep(scan, 1)
  else blank(scan, end)
}

function commentEnd(scan: Scan): number | undefined {
  const next = scan.source[scan.at + 1]
  if (next === '/') return endOf(scan, '\n', scan.at)
  return next === '*' ? endOf(scan, '*/', scan.at + 2) + 2 : undefined
}

function regexEnd(scan: Scan): number | undefined {
  const before = scan.out.slice(-200).join('').trimEnd()
  if (!REGEX_BEFORE.test(before)) return undefined
  const body = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/.exec(
    scan.source.slice(scan.at, scan.at + 2000),
  )
  return body === null ? undefined : scan.at + body[0].length
}

function quoted(scan: Scan, quote: string): void {
  const start = scan.at
  let end = start + 1
  while (end < scan.source.length && scan.source[end] !== quote && scan.source[end] !== '\n') {
    end += scan.source[end] === '\\' ? 2 : 1
  }
  scan.literals.set(start, { at: start, value: scan.source.slice(start + 1, end) })
  keep(scan, 1)
  blank(scan, end)
  if (scan.source[end] === quote) keep(scan, 1)
}

/** From the backtick, or from the brace that ends a template expression, to the next expression or the end. */
function template(scan: Scan): void {
  keep(scan, 1)
  let end = scan.at
  while (end < scan.source.length && scan.source[end] !== '`' && !scan.source.startsWith('${', end)) {
    end += scan.source[end] === '\\' ? 2 : 1
  }
  blank(scan, end)
  if (scan.source[end] === '`') {
    keep(scan, 1)
  } else {
    keep(scan, 2)
    scan.templates.push(0)
  }
}

function brace(scan: Scan, char: string): void {
  const open = scan.templates.at(-1) ?? 0
  if (char === '}' && open === 0) {
    scan.templates.pop()
    template(scan)
  } else {
    scan.templates[scan.templates.length - 1] = open + (char === '{' ? 1 : -1)
    keep(scan, 1)
  }
}

function keep(scan: Scan, length: number): void {
  for (const char of scan.source.slice(scan.at, scan.at + length)) scan.out.push(char)
  scan.at += length
}

function blank(scan: Scan, end: number): void {
  const upTo = Math.min(end, scan.source.length)
  for (let at = scan.at; at < upTo; at++) scan.out.push(scan.source[at] === '\n' ? '\n' : ' ')
  scan.at = upTo
}

function endOf(scan: Scan, mark: string, from: number): number {
  const end = scan.source.indexOf(mark, from)
  return end < 0 ? scan.source.length : end
}
