/** A block of example code and where it stands. */
export interface Example {
  /** The file it was found in, relative to the repository. */
  readonly file: string
  /** The line of its first line of code, counted from 1. */
  readonly line: number
  readonly code: readonly string[]
}

/** What an example asks of the check. */
export type Mark =
  | { readonly kind: 'checked' }
  /** Other examples of the same file import it under this name. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'skipped'; readonly reason: string }

interface Fence {
  readonly indent: string
  readonly marks: string
  readonly isTypeScript: boolean
}

const FENCE = /^(?<indent>\s*)(?<marks>`{3,}|~{3,})(?<info>[^`]*)$/

/** The blocks of a Markdown text that are marked `ts`. */
export function markdownExamples(file: string, text: string): readonly Example[] {
  return blocks(file, text.split('\n'), 1)
}

/** The blocks marked `ts` in the `@example` sections of the TSDoc comments of a TypeScript source. */
export function tsdocExamples(file: string, source: string): readonly Example[] {
  return comments(source).flatMap(({ line, lines }) => exampleSections(file, line, lines))
}

/** Reads an example's first line: `// not checked: reason`, `// flows/orders.ts`, or code. */
export function markOf({ code, file, line }: Example): Mark {
  const first = code.find((text) => text.trim() !== '')?.trim() ?? ''
  const skipped = /^\/\/ not checked\b:?\s*(.*)$/.exec(first)
  if (skipped !== null) {
    const reason = skipped[1] ?? ''
    if (reason === '') throw new Error(`${file}:${line}: say why, as in '// not checked: it shows an error'`)
    return { kind: 'skipped', reason }
  }
  const name = /^\/\/ ((?:[\w-]+\/)*[\w.-]+\.ts)$/.exec(first)?.[1]
  return name === undefined ? { kind: 'checked' } : { kind: 'named', name }
}

function blocks(file: string, lines: readonly string[], firstLine: number): readonly Example[] {
  const found: Example[] = []
  let open: Fence | undefined
  let code: string[] = []
  for (const [at, text] of lines.entries()) {
    if (open === undefined) {
      open = fenceOf(text)
      code = []
    } else if (closes(open, text)) {
      if (open.isTypeScript) found.push({ file, line: firstLine + at - code.length, code })
      open = undefined
    } else {
      code.push(text.startsWith(open.indent) ? text.slice(open.indent.length) : text.trimStart())
    }
  }
  if (open?.isTypeScript)
    throw new Error(`${file}:${firstLine + lines.length - code.length - 1}: this block never ends`)
  return found
}

function fenceOf(text: string): Fence | undefined {
  const groups = FENCE.exec(text)?.groups
  if (groups === undefined) return undefined
  const language = (groups['info'] ?? '').trim().split(/[\s{]/)[0]
  return { indent: groups['indent'] ?? '', marks: groups['marks'] ?? '', isTypeScript: language === 'ts' }
}

function closes(open: Fence, text: string): boolean {
  const line = text.trim()
  return line.startsWith(open.marks) && line.replaceAll(open.marks[0] ?? '', '') === ''
}

/** TSDoc comments, their margin of stars taken off. A `/**` inside a string is not told apart. */
function comments(source: string): readonly { readonly line: number; readonly lines: readonly string[] }[] {
  return [...source.matchAll(/^[ \t]*\/\*\*(?!\/)[\s\S]*?\*\//gm)].map((found) => ({
    line: source.slice(0, found.index).split('\n').length,
    lines: found[0]
      .split('\n')
      .map((text) => text.replace(/^\s*(?:\/\*\*|\*(?!\/)) ?/, '').replace(/\s*\*\/$/, '')),
  }))
}

function exampleSections(file: string, firstLine: number, lines: readonly string[]): readonly Example[] {
  const starts = lines.flatMap((text, at) => (isTag(lines, at) && /^@example\b/.test(text) ? [at] : []))
  return starts.flatMap((start) => {
    const next = lines.findIndex((_text, at) => at > start && isTag(lines, at))
    return blocks(file, lines.slice(start + 1, next < 0 ? undefined : next), firstLine + start + 1)
  })
}

/** A line that begins a section; inside a block, `@` belongs to the code. */
function isTag(lines: readonly string[], at: number): boolean {
  const fences = lines.slice(0, at).filter((text) => FENCE.test(text)).length
  return fences % 2 === 0 && /^@\w/.test(lines[at] ?? '')
}
