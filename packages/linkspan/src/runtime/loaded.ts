import type { StoredMessage, Wait } from '../journal/journal.ts'
import { ensureError, LinkspanError } from '../model/errors.ts'
import type { Headers, Json } from '../model/message.ts'
import { parseMessageId } from '../model/message-id.ts'
import { bodyPlace, openFrames, openJson } from './codec.ts'
import { currentEntries, type Entry } from './record.ts'
import { calledAsOf } from './taken-body.ts'

/** Values bound to names. */
export type Bound = Readonly<Record<string, unknown>>

/** A message in memory, ready to be run: its body and what is on its record. */
export interface Loaded {
  readonly seq: number
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly headers: Headers
  readonly acceptedAt: number
  readonly codeVersion: string
  /** The body as accepted; undefined until `checked` ran for a message that was read from the journal. */
  readonly body: unknown
  readonly parent: { readonly seq: number; readonly path: string; readonly index: number } | null
  readonly partition: number
  /** Names bound in the scopes around a child. */
  readonly names: Bound
  /** The record since the message was last sent afresh. */
  readonly entries: readonly Entry[]
  /** How often it was sent afresh: its calls' generations start there. */
  readonly freshStarts: number
  /** An engine died while, or after, this message was running, and may have begun a call that is not on record. */
  readonly interrupted: boolean
  /** When a person sent it on its way again last, from when its time limit counts. */
  readonly sentAgainAt?: number
  /** How often a person did, where one did. */
  readonly timesSentAgain?: number
  /** Of a borrowed message: from when on no other engine can have made a call of it. */
  readonly since?: number
  /** It lies in its source's log only: after a crash nothing but its record tells that a call was begun. */
  readonly inSourceLog?: true
  /** The id that its calls are known by elsewhere, where that is not its own: it lay in its source's log when they were made. */
  readonly calledAs?: string
  /** The parent that waits for it: null for a tap's child, and for one that lives again. */
  readonly awaitedBy: number | null
  /** Of a child that a parent waits for only so long: when it is too late. */
  readonly until?: number
  nextFrame: number
  /** True when it has a wait in the journal. */
  waits: boolean
  /** Whether that wait says that it holds its key. */
  holds: boolean
}

/** The whole record of a stored message, or throws `RECORD_DAMAGED`. */
export function recordOf(stored: StoredMessage): Entry[] {
  return openFrames(stored.frames, stored.seq)
}

/** What can be read of the record of a stored message, and why the rest cannot, or null. Throws nothing. */
export function readableRecord(stored: StoredMessage): {
  readonly entries: readonly Entry[]
  readonly error: LinkspanError | null
} {
  const errors: LinkspanError[] = []
  const entries = stored.frames.flatMap((frame, n) => {
    // The others are left out, and each frame is opened under its own number.
    const alone: Uint8Array[] = []
    alone[n] = frame
    try {
      return openFrames(alone, stored.seq)
    } catch (error) {
      errors.push(ensureError(error, 'RECORD_DAMAGED'))
      return []
    }
  })
  return { entries, error: stored.damaged === undefined ? (errors[0] ?? null) : damagedError(stored) }
}

/** Why a message that is marked as damaged cannot be acted on. */
export function damagedError({ id, damaged }: StoredMessage): LinkspanError {
  return new LinkspanError(
    'RECORD_DAMAGED',
    `Part of the message ${id} cannot be trusted: ${damaged}. Run "linkspan journal verify" to see what else is damaged.`,
    { details: { id, damaged } },
  )
}

/** The accepted body of a stored message, or throws `RECORD_DAMAGED`. */
export function bodyOf(stored: StoredMessage): Json {
  if (stored.body === null) {
    throw new LinkspanError(
      'RECORD_DAMAGED',
      `The body of the message ${stored.id} is lost: it was damaged or has been forgotten.`,
      {
        details: { id: stored.id },
      },
    )
  }
  const token = parseMessageId(stored.id).token
  const parent =
    stored.parent === null
      ? null
      : { id: parentId(stored.id), path: stored.parent.path, index: stored.parent.index }
  return openJson(stored.body, bodyPlace(token, parent))
}

/** The id of the parent of a child's id. */
export function parentId(id: string): string {
  return id.slice(0, id.lastIndexOf('~'))
}

/** A stored message as one to be run. `names` are those bound around it. */
export function toLoaded(
  stored: StoredMessage,
  body: unknown,
  record: readonly Entry[],
  names: Bound,
): Loaded {
  const { seq, id, flow, key, headers, acceptedAt, codeVersion, parent, partition, nextFrame } = stored
  const again = record.filter((entry) => entry.t === 'redelivered' || entry.t === 'resolved')
  const last = again.at(-1)
  const entries = currentEntries(record)
  const calledAs = calledAsOf(headers)
  return {
    seq,
    id,
    flow,
    key,
    headers,
    acceptedAt,
    codeVersion,
    body,
    parent,
    partition,
    names,
    entries,
    freshStarts: record.filter((entry) => entry.t === 'redelivered' && entry.fresh).length,
    interrupted: record.some((entry) => entry.t === 'interrupted') && !waitedSince(entries),
    ...(last === undefined ? {} : { sentAgainAt: last.at, timesSentAgain: again.length }),
    ...(calledAs === undefined ? {} : { calledAs }),
    awaitedBy: stored.wait?.parent ?? null,
    nextFrame,
    waits: stored.wait !== null,
    holds: stored.wait?.hold ?? false,
  }
}

/** A wait of a message. */
export function waitOf(
  message: { readonly seq: number; readonly flow: string; readonly key: string | null },
  wait: Omit<Wait, 'seq' | 'flow' | 'key'>,
): Wait {
  return { seq: message.seq, flow: message.flow, key: message.key, ...wait }
}

/**
 * Whether the message has waited for a time that was still to come when the last engine died. That wait was on record
 * before the message could go on behind it, so no call behind it had been begun; and one before it has its outcome on record.
 */
function waitedSince(entries: readonly Entry[]): boolean {
  const at = entries.findLastIndex((entry) => entry.t === 'interrupted')
  const died = entries[at]
  return (
    died?.t === 'interrupted' &&
    entries.slice(at + 1).some((entry) => entry.t === 'pause' && entry.until > died.at)
  )
}
