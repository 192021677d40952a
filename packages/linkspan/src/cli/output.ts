import { createStyle, type Style, type Tone } from './style.ts'
import type { Terminal } from './terminal.ts'
import { clean, displayWidth, pad, truncate } from './text.ts'

/** One column of a table. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  readonly align?: 'left' | 'right'
  readonly tone?: (row: Row) => Tone | null
  /** Cut first, and down to 8 characters, when the terminal is too narrow. */
  readonly flexible?: boolean
}

/** Where a command puts its answer. Results go to stdout, what is said about them to stderr. */
export interface Output {
  /** True when programs read it: then only `document` and `list` print on stdout. */
  readonly json: boolean
  readonly style: Style
  /** The width that lines are cut to; Infinity when nobody looks. */
  readonly width: number
  /** A line for people on stdout. */
  line(text?: string): void
  /** A line for people on stderr; silent with `--json`. */
  note(text: string): void
  /** The answer as one JSON document. */
  document(value: unknown): void
  /** A list: one JSON document per line with `--json`, else a table, or `empty` when there is nothing. */
  list<Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string): void
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void
}

/** Makes the {@link Output} of one command. */
export function createOutput(terminal: Pick<Terminal, 'stdout' | 'stderr' | 'env'>, json: boolean): Output {
  const { stdout, stderr, env } = terminal
  const style = createStyle(stdout, env)
  const width = stdout.columns ?? Number.POSITIVE_INFINITY
  const line = (text = ''): void => stdout.write(`${text}\n`)
  const note = (text: string): void => {
    if (!json) stderr.write(`${text}\n`)
  }
  const document = (value: unknown): void => line(JSON.stringify(value, null, stdout.isTTY ? 2 : undefined))
  const table = <Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void => {
    for (const text of tableLines(rows, columns, width, style)) line(text)
  }
  return {
    json,
    style,
    width,
    line,
    note,
    document,
    table,
    list: (rows, columns, empty) => {
      if (json) for (const row of rows) line(JSON.stringify(row))
      else if (rows.length === 0) note(empty)
      else table(rows, columns)
    },
  }
}

const GAP = 2
const LEAST = 8

/** The lines of a table, aligned, and cut to a width. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
  style: Style,
): readonly string[] {
  const cells = rows.map((row) => columns.map((column) => clean(column.value(row))))
  const widths = fit(columns, natural(columns, cells), width)
  const cut = (text: string, at: number): string => truncate(text, widths[at] ?? 0)
  const placed = (text: string, at: number): string =>
    pad(text, widths[at] ?? 0, columns[at]?.align === 'right' ? 'left' : 'right')
  const joined = (parts: readonly string[]): string => parts.join(' '.repeat(GAP)).trimEnd()
  const head = joined(columns.map((column, at) => style('dim', placed(cut(column.title, at), at))))
  const body = rows.map((row, index) =>
    joined(
      columns.map((column, at) => {
        const text = placed(cut(cells[index]?.[at] ?? '', at), at)
        const tone = column.tone?.(row) ?? null
        return tone === null ? text : style(tone, text)
      }),
    ),
  )
  return [head, ...body]
}

function natural<Row>(
  columns: readonly Column<Row>[],
  cells: readonly (readonly string[])[],
): readonly number[] {
  return columns.map((column, at) =>
    cells.reduce((most, row) => Math.max(most, displayWidth(row[at] ?? '')), displayWidth(column.title)),
  )
}

/** Takes what is too much from the flexible columns, the widest first. */
function fit<Row>(
  columns: readonly Column<Row>[],
  wanted: readonly number[],
  width: number,
): readonly number[] {
  const widths = [...wanted]
  let excess = widths.reduce((sum, one) => sum + one, 0) + GAP * (columns.length - 1) - width
  while (excess > 0) {
    const at = widestFlexible(columns, widths)
    if (at === -1) break
    const taken = Math.min(excess, (widths[at] ?? 0) - LEAST)
    widths[at] = (widths[at] ?? 0) - Math.max(1, Math.min(taken, Math.ceil(taken / 2)))
    excess = widths.reduce((sum, one) => sum + one, 0) + GAP * (columns.length - 1) - width
  }
  return widths
}

function widestFlexible<Row>(columns: readonly Column<Row>[], widths: readonly number[]): number {
  let widest = -1
  for (const [at, column] of columns.entries()) {
    const own = widths[at] ?? 0
    if (column.flexible !== true || own <= LEAST) continue
    if (widest === -1 || own > (widths[widest] ?? 0)) widest = at
  }
  return widest
}
