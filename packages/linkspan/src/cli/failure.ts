import { type ErrorCode, ensureError, isLinkspanError, type LinkspanError } from '../model/errors.ts'
import { type ExitCode, NEGATIVE, UNREACHABLE, WRONG_USE } from './exit-code.ts'

/** An error of the command line itself, with the exit code it leads to. */
export interface Failure extends Error {
  readonly exitCode: ExitCode
}

/** Makes a {@link Failure}; the message says what happened, with the value, and what to do. */
export function failure(exitCode: ExitCode, message: string, cause?: unknown): Failure {
  const error = new Error(message, cause === undefined ? undefined : { cause })
  error.name = 'Failure'
  return Object.assign(error, { exitCode })
}

/** The command was used wrongly. */
export function wrongUse(message: string): Failure {
  return failure(WRONG_USE, message)
}

/** Something that is needed cannot be reached or opened. */
export function unreachable(message: string, cause?: unknown): Failure {
  return failure(UNREACHABLE, message, cause)
}

function isFailure(thrown: unknown): thrown is Failure {
  return thrown instanceof Error && thrown.name === 'Failure' && 'exitCode' in thrown
}

const NEGATIVE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'FLOW_UNKNOWN',
  'MESSAGE_UNKNOWN',
  'MESSAGE_STATE',
  'MESSAGE_CANCELLED',
  'BODY_INVALID',
  'BODY_TOO_LARGE',
  'BODY_UNSUPPORTED',
  'REPLY_MISSING',
  'REPLY_TIMED_OUT',
  'ENGINE_BUSY',
  'JOURNAL_FULL',
])

const UNREACHABLE_CODES =
  /^(?:JOURNAL_|CONFIG_|CONNECTION_|CLIENT_|SECRET_|FLOW_|CHANNEL_|ENGINE_|PORT_|UNAUTHENTICATED|CALL_)/

/** The exit code that a thrown value leads to. */
export function exitCodeOf(thrown: unknown): ExitCode {
  if (isFailure(thrown)) return thrown.exitCode
  if (!isLinkspanError(thrown)) return NEGATIVE
  if (NEGATIVE_CODES.has(thrown.code)) return NEGATIVE
  return UNREACHABLE_CODES.test(thrown.code) ? UNREACHABLE : NEGATIVE
}

/** An error for people: the message, the chain of causes that adds something, and a stack only when asked for. */
export function errorText(thrown: unknown, verbose: boolean): string {
  const error = ensureError(thrown)
  const known = isFailure(thrown) || isLinkspanError(thrown)
  const lines = [
    `error: ${isFailure(thrown) ? thrown.message : error.message}`,
    ...becauses(isFailure(thrown) ? thrown : error),
  ]
  if (verbose) lines.push(stackOf(thrown))
  else if (!known)
    lines.push('  This was not expected. Run the command again with --verbose for the details.')
  return lines.join('\n')
}

/** An error as the one JSON document that `--json` prints of it. */
export function errorJson(thrown: unknown): unknown {
  const code = isLinkspanError(thrown) ? thrown.code : isFailure(thrown) ? 'COMMAND_FAILED' : 'UNEXPECTED'
  const message = thrown instanceof Error ? thrown.message : ensureError(thrown).message
  return { error: { code, message, exitCode: exitCodeOf(thrown) } }
}

const MAX_CAUSES = 8

function becauses(error: LinkspanError | Failure): readonly string[] {
  const lines: string[] = []
  let said = error.message
  let cause: unknown = error.cause
  for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth += 1) {
    if (!said.includes(cause.message)) lines.push(`  because: ${cause.message}`)
    said += cause.message
    cause = cause.cause
  }
  return lines
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return ''
  const own = thrown.stack ?? ''
  return thrown.cause instanceof Error ? `${own}\ncaused by: ${stackOf(thrown.cause)}` : own
}
