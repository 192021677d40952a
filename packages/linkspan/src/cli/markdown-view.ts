import type { Style } from './style.ts'
import { displayWidth, pad } from './text.ts'

/** How a page is laid out. */
export interface MarkdownLook {
  readonly style: Style
  /** Paragraphs are broken at this width; code and drawings are left as they are. */
  readonly width: number
}

type Block =
  | { readonly kind: 'heading' | 'paragraph' | 'item'; readonly text: string }
  | { readonly kind: 'verbatim' | 'table'; readonly lines: readonly string[] }

/** A page of our documentation as lines for the terminal. It knows the Markdown that our pages use, and no more. */
export function markdownLines(markdown: string, look: MarkdownLook): readonly string[] {
  const lines: string[] = []
  let before: Block['kind'] | undefined
  for (const block of blocksOf(markdown)) {
    const joined = before === 'item' && block.kind === 'item'
    if (before !== undefined && !joined) lines.push('')
    lines.push(...laidOut(block, look))
    before = block.kind
  }
  return lines
}

function laidOut(block: Block, { style, width }: MarkdownLook): readonly string[] {
  switch (block.kind) {
    case 'heading':
      return [style('strong', block.text)]
    case 'paragraph':
      return wrapped(prose(block.text), width, '', '')
    case 'item':
      return wrapped(prose(block.text), width, '- ', '  ')
    case 'verbatim':
      return block.lines.map((line) => `    ${line}`.trimEnd())
    case 'table':
      return columns(block.lines, style, width)
  }
}

const FENCE = /^```/
const DRAWING = /^<!-- in the terminal$/
const LEFT_OUT = /^(?:<!-- .* -->|!\[.*\]\(.*\))$/

function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  let at = 0
  const upTo = (isEnd: (line: string) => boolean): readonly string[] => {
    const from = at
    while (at < lines.length && !isEnd(lines[at] ?? '')) at += 1
    return lines.slice(from, at)
  }
  while (at < lines.length) {
    const line = lines[at] ?? ''
    if (FENCE.test(line) || DRAWING.test(line)) {
      at += 1
      const ends = FENCE.test(line) ? FENCE : /-->$/
      blocks.push({ kind: 'verbatim', lines: upTo((each) => ends.test(each)) })
      at += 1
    } else if (line === '' || LEFT_OUT.test(line)) at += 1
    else if (line.startsWith('|'))
      blocks.push({ kind: 'table', lines: upTo((each) => !each.startsWith('|')) })
    else if (line.startsWith('#')) {
      blocks.push({ kind: 'heading', text: line.replace(/^#+ /, '') })
      at += 1
    } else {
      at += 1
      const more = upTo((each) => each === '' || /^(?:[#|-]|```|<!--)/.test(each))
      const text = [line, ...more].map((each) => each.trim()).join(' ')
      blocks.push(text.startsWith('- ') ? { kind: 'item', text: text.slice(2) } : { kind: 'paragraph', text })
    }
  }
  return blocks
}

/** Links become their text; what is emphasised is left as a word like others. Code keeps its marks. */
export function prose(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part
            .replace(/\[([^\]]*)$/, '$1')
            .replace(/^\]\([^)]*\)/, '')
            .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
            .replace(/\*{1,2}([^*]+)\*{1,2}/g, '$1'),
    )
    .join('')
}

function wrapped(text: string, width: number, first: string, rest: string): readonly string[] {
  const lines: string[] = []
  let line = first
  for (const word of text.split(' ')) {
    const start = lines.length === 0 ? first : rest
    if (line !== start && displayWidth(`${line} ${word}`) > width) {
      lines.push(line)
      line = rest + word
    } else line += line === start ? word : ` ${word}`
  }
  return [...lines, line]
}

/** A last column is not made narrower than this, however wide the ones before it are. */
const LEAST_LAST = 40

function columns(rows: readonly string[], style: Style, width: number): readonly string[] {
  const cells = rows
    .filter((row) => !/^[|\-: ]+$/.test(row))
    .map((row) =>
      row
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => prose(cell.trim().replaceAll('\\|', '|'))),
    )
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((row) => displayWidth(row[at] ?? ''))))
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0)
  const hanging = ' '.repeat(before)
  return cells.flatMap((row) => {
    const first = row
      .slice(0, -1)
      .map((cell, at) => (at === 0 ? style('dim', pad(cell, widths[at] ?? 0)) : pad(cell, widths[at] ?? 0)))
      .join('  ')
    const [line = '', ...more] = wrapped(row.at(-1) ?? '', Math.max(width - before, LEAST_LAST), '', '')
    const lead = row.length > 1 ? `${first}  ` : ''
    return [`${lead}${line}`.trimEnd(), ...more.map((each) => `${hanging}${each}`)]
  })
}
