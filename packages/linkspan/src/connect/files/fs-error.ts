import { type Applied, isLinkspanError, LinkspanError } from '../../model/errors.ts'

/** The code of a system error, or ''. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}

/** These say that the file, as named, can never be written. */
const FINAL = new Set(['EISDIR', 'ENOTDIR', 'ENAMETOOLONG', 'EINVAL', 'ELOOP', 'EEXIST'])

/** What a failed file operation means. `applied` is what is known at the point where it failed. */
export function fileError(error: unknown, what: string, applied: Applied): LinkspanError {
  if (isLinkspanError(error)) return error
  const code = codeOf(error)
  const reason = error instanceof Error ? error.message : String(error)
  const final = applied === 'no' && FINAL.has(code)
  return new LinkspanError(final ? 'CALL_REJECTED' : 'CALL_FAILED', `${what} failed: ${reason}.`, {
    retry: final ? 'never' : 'later',
    applied,
    details: code === '' ? {} : { code },
    cause: error,
  })
}
