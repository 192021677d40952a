import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { wrongUse } from './failure.ts'
import type { Json } from './library.ts'
import type { Terminal } from './terminal.ts'
import { clean, truncate } from './text.ts'

/** JSON as an argument: the text itself, `-` for stdin, `@file` for a file. */
export async function readJsonArgument(
  terminal: Pick<Terminal, 'stdin' | 'directory'>,
  argument: string,
  what: string,
): Promise<Json> {
  if (argument === '-') return parsed(await terminal.stdin.readAll(), `${what} on stdin`)
  if (!argument.startsWith('@')) return parsed(argument, what)
  const file = resolve(terminal.directory, argument.slice(1))
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw wrongUse(
      `${what} cannot be read from ${file}: ${error.code ?? error.message}. Correct the path after @.`,
    )
  })
  return parsed(text, `${what} in ${file}`)
}

function parsed(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    const shown = truncate(clean(text.trim()), 60)
    throw wrongUse(
      `${what} is not JSON: ${(error as Error).message}.\n  It reads: ${shown}\n  In a shell, put it in single quotes: '{"name":"Ada"}'. A text needs its own quotes: '"Ada"'.`,
    )
  }
}
