import { type ErrorCode, isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { CaptureSettings } from './capture-options.ts'
import { sqlError } from './failure.ts'
import { postgresDialect } from './postgres-dialect.ts'

interface Meaning {
  readonly state: string
  /** What the server says, where the state means several things. */
  readonly says?: RegExp
  readonly code: ErrorCode
  advice(settings: CaptureSettings): string
}

const lost = ({ slot }: CaptureSettings): string => lostAdvice(slot)

/** What PostgreSQL refuses of replication, by its SQLSTATE. */
const MEANINGS: readonly Meaning[] = [
  {
    state: '42501',
    says: /replication|wal ?sender/i,
    code: 'CALL_REJECTED',
    advice: () => 'Its user needs the right: alter role NAME with replication.',
  },
  {
    state: '42501',
    code: 'CALL_REJECTED',
    advice: ({ publication }) =>
      `A publication is made by the owner of its tables, who may create in the database: have them make "${publication}", or grant that.`,
  },
  {
    state: '55006',
    code: 'CALL_FAILED',
    advice: ({ slot }) =>
      `The slot "${slot}" is read by somebody else, or by this source until the server finds its former connection gone. It is tried again.`,
  },
  { state: '55000', says: /slot|wal/i, code: 'CALL_REJECTED', advice: lost },
  { state: '58P01', says: /wal/i, code: 'CALL_REJECTED', advice: lost },
  {
    state: '42704',
    says: /publication/i,
    code: 'CALL_REJECTED',
    advice: ({ publication, slot }) =>
      `Was "${publication}" dropped? One that is made anew is not known to what was written before it; give the source another slot than "${slot}" then, with snapshot: true, to begin anew.`,
  },
  {
    state: '53400',
    code: 'CALL_FAILED',
    advice: () =>
      'Raise max_replication_slots, or drop slots that nobody reads: select slot_name, active from pg_replication_slots.',
  },
  { state: '53300', says: /wal ?sender/i, code: 'CALL_FAILED', advice: () => 'Raise max_wal_senders.' },
]

/** What is to be done where what a slot held is gone. */
export function lostAdvice(slot: string): string {
  return `What was changed since is not in the log any more, so the source cannot go on. Drop the slot (select pg_drop_replication_slot('${slot}')) and give the source another one, with snapshot: true to have all rows as they are now. A larger max_slot_wal_keep_size lets a slot wait longer.`
}

/** The one place where what PostgreSQL refuses of replication becomes an error. */
export function captureError(thrown: unknown, settings: CaptureSettings): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const what = `The source "${settings.name}"`
  const { code: state, message } = thrown as { readonly code?: unknown; readonly message?: unknown }
  const meaning = MEANINGS.find(
    (each) => each.state === state && (each.says === undefined || each.says.test(String(message))),
  )
  if (meaning === undefined)
    return sqlError(thrown, { what, dialect: postgresDialect, open: false, aborted: null })
  const retry = meaning.code === 'CALL_FAILED' ? 'later' : 'never'
  return new LinkspanError(meaning.code, `${what} failed: ${message}. ${meaning.advice(settings)}`, {
    retry,
    applied: 'no',
    details: { state },
  })
}

/** A source that cannot begin as things are. */
export function cannotCapture({ name }: CaptureSettings, why: string): LinkspanError {
  return new LinkspanError('CALL_REJECTED', `The source "${name}" cannot capture changes: ${why}`)
}
