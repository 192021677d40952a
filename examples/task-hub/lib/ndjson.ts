import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'

/** An append-only log of JSON lines. `write` returns when the operating system has the line. */
export interface LineLog<Line> {
  write(line: Line): void
  close(): void
}

/** Opens a log for appending. Each line gets the time `t` in milliseconds since 1970. */
export function openLog<Line extends object>(path: string): LineLog<Line> {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'a')
  return {
    write: (line) => {
      writeSync(file, `${JSON.stringify({ t: Date.now(), ...line })}\n`)
    },
    close: () => closeSync(file),
  }
}

/** A log line as it is read back. */
export type Timed<Line> = Line & { readonly t: number }

/**
 * Reads a log line by line.
 * @throws when a line is not JSON, with file, line number and text: a damaged log must not pass as a shorter one.
 */
export async function* readLog<Line>(path: string): AsyncGenerator<Timed<Line>> {
  let number = 0
  for await (const text of createInterface({
    input: createReadStream(path),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    number += 1
    if (text !== '') yield parseLine<Line>(text, path, number)
  }
}

/** All lines of a log. @throws as {@link readLog} does. */
export async function readWholeLog<Line>(path: string): Promise<Timed<Line>[]> {
  const lines: Timed<Line>[] = []
  for await (const line of readLog<Line>(path)) lines.push(line)
  return lines
}

function parseLine<Line>(text: string, path: string, number: number): Timed<Line> {
  try {
    return JSON.parse(text) as Timed<Line>
  } catch (cause) {
    throw new Error(`${path}:${number} is not a JSON line: ${text.slice(0, 80)}`, { cause })
  }
}
