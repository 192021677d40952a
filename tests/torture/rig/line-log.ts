import { openSync, readFileSync, writeSync } from 'node:fs'

/** A log of one JSON object per line. Each line is one write that has happened when `add` returns. */
export interface LineLog<Line> {
  add(line: Line): void
}

/** Opens a log for appending. */
export function lineLog<Line>(path: string): LineLog<Line> {
  const file = openSync(path, 'a')
  return { add: (line) => void writeSync(file, `${JSON.stringify(line)}\n`) }
}

/** All lines of a log. A last line without an end was cut off and is left out. */
export function readLines<Line>(path: string): Line[] {
  const bytes = readFileSync(path)
  const lines: Line[] = []
  for (let from = 0; ; ) {
    const to = bytes.indexOf(10, from)
    if (to < 0) return lines
    lines.push(JSON.parse(bytes.toString('utf8', from, to)) as Line)
    from = to + 1
  }
}
