import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import { REFUSALS } from './commit-parameters.ts'

/** What a failure of PostgreSQL or of its client means for the journal. */
export type Failure =
  /** The connection broke, or was never there: what had been sent may have been done. */
  | 'lost'
  /** The server says that it did nothing, and may do it later. */
  | 'notNow'
  /** It did not let us in. */
  | 'refused'
  | 'full'
  | 'damaged'
  | 'fenced'
  | 'tailLost'
  /** There is no volume for a place. */
  | 'noVolume'
  | 'other'

const BY_STATE: Readonly<Record<string, Failure>> = {
  [REFUSALS.fenced]: 'fenced',
  [REFUSALS.tailLost]: 'tailLost',
  [REFUSALS.oldTurn]: 'notNow',
  [REFUSALS.noVolume]: 'noVolume',
  '3D000': 'refused',
  '25006': 'notNow',
  '40001': 'notNow',
  '40P01': 'notNow',
  '53100': 'full',
  '55P03': 'notNow',
  '55006': 'notNow',
  '57014': 'notNow',
  '58030': 'damaged',
  XX001: 'damaged',
  XX002: 'damaged',
}

/** Classes of SQLSTATE: connection, transaction rolled back, resources, operator intervention (shutdown). */
const BY_CLASS: Readonly<Record<string, Failure>> = {
  '08': 'lost',
  '28': 'refused',
  '53': 'notNow',
  '57': 'lost',
}

/** What the client says without a code when a connection breaks or does not answer. */
const LOST =
  /^(?:Connection terminated|Query read timeout|timeout expired|Client has encountered a connection error|Client was closed|Connection ended|server closed|socket)/i

/** Sorts a thrown value of the client. */
export function failureOf(thrown: unknown): Failure {
  const { code, message } = thrown as { code?: unknown; message?: unknown }
  const state = stateOf(thrown)
  if (state !== null) return BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? 'other'
  if (typeof code === 'string' && /^(?:E[A-Z]+|ERR_TLS_|ERR_SSL_|ERR_SOCKET_)/.test(code)) return 'lost'
  return typeof message === 'string' && LOST.test(message) ? 'lost' : 'other'
}

/** The SQLSTATE of an error that the server sent, or null. */
export function stateOf(thrown: unknown): string | null {
  const { code, severity } = thrown as { code?: unknown; severity?: unknown }
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}

/** A thrown value as the journal's error; `doing` says what was tried, as in "Reading messages". */
export function journalError(thrown: unknown, place: string, doing: string): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const state = stateOf(thrown)
  const options = { cause, details: { place, doing, ...(state === null ? {} : { sqlState: state }) } }
  switch (failureOf(thrown)) {
    case 'full':
      return new LinkspanError(
        'JOURNAL_FULL',
        `There is no room left for the journal in ${place} (${cause.message}). Nothing was written; make room on the disk of its server.`,
        { ...options, retry: 'later' },
      )
    case 'lost':
    case 'notNow':
    case 'refused':
      return unreachable(cause, place, doing)
    case 'fenced':
      return takenOverError(place, cause)
    case 'tailLost':
      return tailLostError(place, cause.message, options)
    case 'damaged':
      return new LinkspanError(
        'JOURNAL_DAMAGED',
        `The journal in ${place} cannot be trusted: ${doing} failed with "${cause.message}". ` +
          'Run "linkspan journal verify" on it, check the disk of its server, and restore a backup where it is damaged.',
        options,
      )
    default:
      return new LinkspanError(
        'JOURNAL_FAILED',
        `${doing} failed in the journal in ${place}: ${cause.message}.${adviceOf(state)}`,
        options,
      )
  }
}

/** The error for what may work later, and of which nobody knows whether it was done. */
export function unreachable(thrown: unknown, place: string, doing: string): LinkspanError {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const state = stateOf(thrown)
  const advice =
    state === '25006'
      ? ' It takes no writes now: it is a standby, or set to read only. Let the URL lead to the primary.'
      : adviceOf(state) ||
        ' The engine tries again by itself; look at the server and the network if it lasts.'
  return new LinkspanError(
    'JOURNAL_UNREACHABLE',
    `${doing} was not possible in the journal in ${place}: ${messageOf(cause)}.${advice}`,
    {
      cause,
      details: { place, doing, ...(state === null ? {} : { sqlState: state }) },
      retry: 'later',
      applied: 'unknown',
    },
  )
}

/** Several addresses of one name fail together, without a message of their own. */
function messageOf(error: Error): string {
  const { errors } = error as { errors?: readonly Error[] }
  return error.message || (errors ?? []).map(({ message }) => message).join(', ') || error.name
}

/** The error for a database that forgot what it had said. */
export function tailLostError(
  place: string,
  why: string,
  options: ConstructorParameters<typeof LinkspanError>[2] = { details: { place } },
): LinkspanError {
  return new LinkspanError(
    'JOURNAL_TAIL_LOST',
    `The database of the journal in ${place} lacks commits that it had acknowledged (${why}): an older copy, or a standby that was not synchronous, took its place. ` +
      'Bring the right one back, or start again and know that what came last is lost.',
    options,
  )
}

/** The error of an owner that another one has fenced. */
export function takenOverError(place: string, cause?: Error): LinkspanError {
  return new LinkspanError(
    'JOURNAL_TAKEN_OVER',
    `Others took over from this engine in ${place}, as its lease had run out: this process was paused, or could not reach the database. ` +
      'Nothing of it was written since, and nothing will be. It joins them again by itself.',
    { details: { place }, ...(cause === undefined ? {} : { cause }) },
  )
}

/**
 * A thrown value of opening a journal as the journal's error: a wrong password or name is for a person to correct, while
 * an engine that runs waits until it is.
 */
export function openingError(thrown: unknown, place: string): LinkspanError {
  if (isLinkspanError(thrown) || failureOf(thrown) !== 'refused')
    return journalError(thrown, place, 'Opening')
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} was not opened: ${cause.message}.${adviceOf(stateOf(thrown))}`,
    { cause, details: { place } },
  )
}

const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'Correct the user or the password of the URL.',
  '28000': 'Correct the user of the URL, or let pg_hba.conf of the server admit it.',
  '3D000': 'Make that database, or correct the name in the URL.',
  '42501': 'Let the user of the URL own the schema of the journal with all that is in it.',
  '3F000': 'Its schema is gone: restore it.',
  '42P01': 'A table of it is gone: restore a backup.',
  '42883': 'A function of it is gone: restore a backup.',
}

function adviceOf(state: string | null): string {
  const advice = state === null ? undefined : ADVICE[state]
  return advice === undefined ? '' : ` ${advice}`
}

/** The error for something in the journal that cannot be trusted. */
export function rowDamaged(place: string, where: string, what: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_DAMAGED',
    `The journal in ${place} is damaged at ${where}: ${what}. ` +
      'Run "linkspan journal verify" to see what else is damaged, and restore a backup.',
    { details: { place, where, what } },
  )
}

/** The error for the use of a journal after its end. */
export function closedError(place: string): LinkspanError {
  return new LinkspanError('JOURNAL_CLOSED', `The journal in ${place} is closed.`, { details: { place } })
}

/** As the server refuses a write, for one that is not tried. */
export function readOnly(): Error {
  return Object.assign(new Error('transactions are read-only'), { code: '25006', severity: 'ERROR' })
}

/** The error for a schema without tables. */
export function noJournal(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `There is no journal in ${place}. Start the engine once, or correct the url or the schema.`,
    { details: { place } },
  )
}

/** The error for a journal that an engine has to bring up to date first. */
export function tooOld(place: string, version: number): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} has the old format version ${version}. Start the engine once: it brings the journal up to date.`,
    { details: { place, version } },
  )
}

/** The error for a write through a journal that was opened for reading. */
export function openedToRead(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} was opened for reading; nothing can be written to it.`,
    { details: { place } },
  )
}
