import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isLinkspanError } from '../model/errors.ts'
import { type Failure, unreachable } from './failure.ts'

/** A place in a file of the user's. */
export interface Place {
  readonly file: string
  readonly line: number
}

/**
 * What importing a project file threw, as an error that says where and what to do.
 * `lastLoaded` stands in where V8 says no place, which it does not for early errors such as a name declared twice.
 */
export function importFailure(
  thrown: unknown,
  projectFile: string,
  lastLoaded: string | undefined,
  directory: string,
): Failure {
  const place = importingPlace(thrown) ?? placeOf(thrown)
  const where = place === null ? shown(lastLoaded ?? projectFile, directory) : placeText(place, directory)
  const what = thrown instanceof Error ? thrown.message : `it threw ${String(thrown)}, which is no Error`
  const excerpt = place === null ? '' : excerptOf(place)
  const hint = hintFor(thrown)
  const parts = [`The project does not load: ${where}: ${kindOf(thrown)}${what}`, excerpt, hint]
  return unreachable(parts.filter((part) => part !== '').join('\n'), thrown)
}

function kindOf(thrown: unknown): string {
  if (!(thrown instanceof Error) || isLinkspanError(thrown)) return ''
  return thrown.name === 'Error' ? '' : `${thrown.name}: `
}

function shown(file: string, directory: string): string {
  const short = relative(directory, file)
  return short.startsWith('..') || short === '' ? file : short
}

function placeText({ file, line }: Place, directory: string): string {
  return line > 0 ? `${shown(file, directory)}:${line}` : shown(file, directory)
}

const HEAD = /^(file:\/\/\S+?):(\d+)\n/
const FRAME = /\(?(file:\/\/[^\s()]+):(\d+):\d+\)?$/

/** Syntax errors carry their place as the first line of the stack, all others have it in the first frame of the user's. */
function placeOf(thrown: unknown): Place | null {
  if (!(thrown instanceof Error)) return null
  const stack = thrown.stack ?? ''
  const head = HEAD.exec(stack)
  if (head !== null) return toPlace(head)
  for (const line of stack.split('\n')) {
    const frame = FRAME.exec(line.trim())
    const place = frame === null ? null : toPlace(frame)
    if (place !== null && isUsers(place.file)) return place
  }
  return null
}

function toPlace(match: RegExpExecArray): Place | null {
  try {
    return { file: fileURLToPath((match[1] ?? '').replace(/\?.*$/, '')), line: Number(match[2]) }
  } catch {
    return null
  }
}

const OWN_FOLDER = fileURLToPath(new URL('../..', import.meta.url))

function isUsers(file: string): boolean {
  return !file.startsWith(OWN_FOLDER) && !file.includes(`${sep}node_modules${sep}`)
}

const IMPORTED = /^Cannot find (?:package|module) '([^']+)' imported from (.+)$/

/** A module that is not found is named with its importer, not with a line: the line is the one that has its name. */
function importingPlace(thrown: unknown): Place | null {
  const match = thrown instanceof Error ? IMPORTED.exec(thrown.message) : null
  if (match === null) return null
  const [, wanted = '', file = ''] = match
  const name = wanted.split(/[\\/]/).at(-1) ?? wanted
  const line = linesOf(file).findIndex(
    (text) => /\b(?:import|export|require)\b|from/.test(text) && text.includes(name),
  )
  return { file, line: line + 1 }
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

function excerptOf({ file, line }: Place): string {
  const text = linesOf(file)[line - 1]
  return text === undefined || text.trim() === '' ? '' : `  ${line} | ${text.trimEnd().slice(0, 160)}`
}

function hintFor(thrown: unknown): string {
  if (!(thrown instanceof Error)) return ''
  const code = (thrown as NodeJS.ErrnoException).code
  const missing = /^Cannot find package '([^']+)'/.exec(thrown.message)?.[1]
  if (missing !== undefined) return `Install it in the project: npm install ${missing}`
  if (code === 'ERR_MODULE_NOT_FOUND')
    return 'Correct the path. Relative imports carry their ending, as in ./flows/hello.ts.'
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
    return 'Node strips types and runs the rest, so enum, namespace and parameter properties are not available. Use a union of strings, a module, and fields.'
  if (thrown.name === 'SyntaxError') return 'Correct the syntax; the project runs again once it loads.'
  return ''
}
