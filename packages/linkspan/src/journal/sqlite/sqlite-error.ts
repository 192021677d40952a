import { isLinkspanError, LinkspanError } from '../../model/errors.ts'

/** What a failure of SQLite means for the journal. */
export type Failure = 'full' | 'io' | 'damaged' | 'busy' | 'other'

const PRIMARY = 0xff
const BUSY = 5
const LOCKED = 6
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const NOTADB = 26
/** The shared-memory file could not grow: on a full disk this comes before FULL. */
const IOERR_SHMSIZE = IOERR | (19 << 8)

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT'])

/** Sorts a thrown value of `node:sqlite` or `node:fs`. */
export function failureOf(thrown: unknown): Failure {
  const { errcode, code } = thrown as { errcode?: unknown; code?: unknown }
  if (typeof code === 'string' && NO_SPACE.has(code)) return 'full'
  if (code === 'EIO') return 'io'
  if (typeof errcode !== 'number') return 'other'
  if (errcode === IOERR_SHMSIZE) return 'full'
  switch (errcode & PRIMARY) {
    case FULL:
      return 'full'
    case IOERR:
      return 'io'
    case CORRUPT:
    case NOTADB:
      return 'damaged'
    case BUSY:
    case LOCKED:
      return 'busy'
    default:
      return 'other'
  }
}

/** A thrown value as the journal's error; `doing` says what was tried, as in "reading messages". */
export function journalError(thrown: unknown, path: string, doing: string): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const options = { cause, details: { path, doing } }
  switch (failureOf(thrown)) {
    case 'full':
      return new LinkspanError(
        'JOURNAL_FULL',
        `There is no room left for the journal ${path} (${cause.message}). Nothing was written; make room on its disk.`,
        { ...options, retry: 'later' },
      )
    case 'busy':
      return new LinkspanError(
        'JOURNAL_UNREACHABLE',
        `Another program holds the journal ${path} (${cause.message}). End it, or wait until it is done.`,
        { ...options, retry: 'later' },
      )
    case 'io':
    case 'damaged':
      return new LinkspanError(
        'JOURNAL_DAMAGED',
        `The journal ${path} cannot be trusted: ${doing} failed with "${cause.message}". ` +
          'Run "linkspan journal verify" on it, check its disk, and restore a backup where it is damaged.',
        options,
      )
    default:
      return new LinkspanError(
        'JOURNAL_FAILED',
        `${doing} failed in the journal ${path}: ${cause.message}`,
        options,
      )
  }
}

/**
 * A thrown value of opening a journal for its owner as the journal's error. Opening takes some room (the lock, SQLite's
 * log and its index, the note that it is owned), and none of it can be put off: it is what keeps a second owner out.
 */
export function openingError(thrown: unknown, path: string): LinkspanError {
  if (isLinkspanError(thrown) || failureOf(thrown) !== 'full') return journalError(thrown, path, 'Opening')
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new LinkspanError(
    'JOURNAL_FULL',
    `The journal ${path} was not opened: there is no room left on its disk (${cause.message}). What it holds is unharmed. ` +
      'Make room, a megabyte at least, and start again.',
    { cause, details: { path, doing: 'Opening' }, retry: 'later' },
  )
}

/** The error for a row that cannot be trusted, by default as its checksum does not fit. */
export function rowDamaged(path: string, where: string, what = 'its checksum does not fit'): LinkspanError {
  return new LinkspanError(
    'JOURNAL_DAMAGED',
    `The journal ${path} is damaged at ${where}: ${what}. ` +
      'Run "linkspan journal verify" to see what else is damaged, and restore a backup.',
    { details: { path, where, what } },
  )
}

/** The error for the use of a journal after its end. */
export function closedError(path: string): LinkspanError {
  return new LinkspanError('JOURNAL_CLOSED', `The journal ${path} is closed.`, { details: { path } })
}
