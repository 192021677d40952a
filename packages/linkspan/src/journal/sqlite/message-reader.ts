import type { DatabaseSync } from 'node:sqlite'
import { isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import type { Headers } from '../../model/message.ts'
import { childId, parseMessageId, rootId } from '../../model/message-id.ts'
import { endingOf, reasonOf } from '../codes.ts'
import type { MessageReader, StoredMessage, Trust, Wait } from '../journal.ts'
import { CLAIM_CHECK_ABOVE } from './accept.ts'
import type { AtOnce } from './at-once.ts'
import type { Names } from './names.ts'
import { messageSum, recordSum, settlementSum, waitSum } from './row-sum.ts'
import { failureOf, rowDamaged } from './sqlite-error.ts'

/** Reading messages by place, id and parent. */
export type MessageRows = AtOnce<MessageReader>

interface MessageRow {
  readonly seq: number
  readonly sum: number
  readonly flow: number
  readonly key: string | null
  readonly token: string
  readonly accepted_at: number
  readonly code_version: number
  readonly headers: string
  readonly fields: string | null
  readonly parent_seq: number | null
  readonly parent_id: string | null
  readonly parent_path: string | null
  readonly parent_index: number | null
  readonly size: number
  readonly body_sum: number
}

interface SettlementRow {
  readonly sum: number
  readonly flow: number
  readonly child: number
  readonly ending: number
  readonly ended_at: number
  readonly attempt: number
  readonly n: number
  readonly reason: string
  readonly frame: Uint8Array | null
}

/** A row of `waits`. */
export interface WaitRow {
  readonly seq: number
  readonly sum: number
  readonly flow: number
  readonly key: string | null
  readonly reason: number
  readonly wake_at: number | null
  readonly hold: number
  readonly parent: number | null
  readonly attempt: number
  readonly bytes: number
  readonly accepted_at: number
  readonly kin: number
  readonly lane: number
}

const MESSAGE_COLUMNS =
  'seq, sum, flow, key, token, accepted_at, code_version, headers, fields, parent_seq, parent_id, parent_path, ' +
  'parent_index, size, body_sum'

/** Prepares the reading of messages. */
export function messageRows(db: DatabaseSync, names: Names, path: string): MessageRows {
  const assemble = assembler(db, names, path)
  const childOf = db.prepare(
    'SELECT seq FROM messages WHERE parent_seq = ? AND parent_path = ? AND parent_index = ?',
  )
  const ofStep = db.prepare(
    'SELECT seq FROM messages WHERE parent_seq = ? AND parent_path = ? AND parent_index >= ? ORDER BY parent_index LIMIT ?',
  )
  const ofAnyStep = db.prepare(
    'SELECT seq FROM messages WHERE parent_seq = ? AND parent_index >= ? ORDER BY parent_path, parent_index LIMIT ?',
  )
  const open = db.prepare('SELECT open FROM families WHERE parent = ? AND path = ?')
  const load: MessageRows['load'] = (seqs, trust) =>
    [...new Set(seqs)].sort((a, b) => a - b).flatMap((seq) => assemble(seq, trust) ?? [])
  return {
    load,
    find: (id) => {
      const { seq: root, trail } = parseMessageId(id)
      let seq: number | undefined = root
      for (const { path: step, index } of trail) {
        seq = (childOf.get(seq, step, index) as { seq: number } | undefined)?.seq
        if (seq === undefined) return null
      }
      const found = assemble(seq, 'marked')
      if (found?.id === id) return found
      // Its id may be what is damaged.
      if (found?.damaged !== undefined) assemble(seq, 'whole')
      return null
    },
    children: (parent, step, fromIndex, limit, trust) => {
      const rows =
        step === null ? ofAnyStep.all(parent, fromIndex, limit) : ofStep.all(parent, step, fromIndex, limit)
      return rows.flatMap((row) => assemble(row['seq'] as number, trust) ?? [])
    },
    openChildren: (parent, step) => (open.get(parent, step) as { open: number } | undefined)?.open ?? 0,
  }
}

/** What is done with a row that cannot be trusted: thrown, or noted while the rest is read. */
type Doubt = (error: LinkspanError) => void

/** Answers a function that reads all there is of one message; null when there is no such message. */
function assembler(
  db: DatabaseSync,
  names: Names,
  path: string,
): (seq: number, trust?: Trust) => StoredMessage | null {
  const message = db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM messages WHERE seq = ?`)
  const settlement = db.prepare('SELECT * FROM settlements WHERE seq = ?')
  const wait = db.prepare('SELECT * FROM waits WHERE seq = ?')
  const records = db.prepare('SELECT n, sum, frame FROM records WHERE seq = ? ORDER BY n')
  const bodyOf = bodyReader(db)
  const framesOf = (seq: number, doubt: Doubt): { frames: Uint8Array[]; next: number } => {
    const frames: Uint8Array[] = []
    let next = 0
    for (const row of records.all(seq) as unknown as { n: number; sum: number; frame: Uint8Array }[]) {
      if (row.sum !== recordSum(seq, row.n, row.frame))
        doubt(rowDamaged(path, `frame ${row.n} of message ${seq}`))
      frames.push(row.frame)
      next = row.n + 1
    }
    return { frames, next }
  }
  const read = (seq: number, doubt: Doubt): StoredMessage | null => {
    const row = message.get(seq) as MessageRow | undefined
    if (row === undefined) return null
    const facts = messageFacts(row, names, path, doubt)
    const ended = settlement.get(seq) as SettlementRow | undefined
    if (ended !== undefined) checkSettlement(seq, ended, names, path, doubt)
    const waiting = wait.get(seq) as WaitRow | undefined
    const { frames, next } = framesOf(seq, doubt)
    if (ended?.frame) frames.push(ended.frame)
    return {
      ...facts,
      partition: 0,
      body: bodyOf(seq, row.size),
      frames,
      nextFrame: ended === undefined ? next : Math.max(next, ended.n + (ended.frame === null ? 0 : 1)),
      wait: waiting === undefined ? null : waitOf(waiting, names, path, doubt),
      ending: ended === undefined ? null : endingOfRow(ended),
    }
  }
  return (seq, trust = 'whole') => {
    if (trust === 'whole') return read(seq, refuse)
    const doubts: string[] = []
    const found = read(seq, ({ details }) => void doubts.push(`${details['where']}: ${details['what']}`))
    return found === null || doubts.length === 0 ? found : { ...found, damaged: doubts.join('; ') }
  }
}

function refuse(error: LinkspanError): never {
  throw error
}

function bodyReader(db: DatabaseSync): (seq: number, size: number) => Uint8Array | null {
  const inRow = db.prepare('SELECT body FROM messages WHERE seq = ?')
  const chunks = db.prepare('SELECT chunk FROM bodies WHERE seq = ? ORDER BY n')
  const read = (seq: number, size: number): Uint8Array | null => {
    if (size <= CLAIM_CHECK_ABOVE) return (inRow.get(seq) as { body: Uint8Array | null }).body
    const whole = Buffer.concat(
      (chunks.all(seq) as unknown as { chunk: Uint8Array }[]).map((row) => row.chunk),
    )
    return whole.byteLength === size ? whole : null
  }
  return (seq, size) => {
    try {
      return read(seq, size)
    } catch (error) {
      if (failureOf(error) === 'damaged') return null
      throw error
    }
  }
}

function messageFacts(
  row: MessageRow,
  names: Names,
  path: string,
  doubt: Doubt,
): Pick<StoredMessage, 'seq' | 'id' | 'flow' | 'key' | 'acceptedAt' | 'codeVersion' | 'headers' | 'parent'> {
  const { seq, key, token, accepted_at: acceptedAt, headers, fields, size, body_sum: bodySum } = row
  const flow = nameOf(row.flow, names, doubt)
  const codeVersion = nameOf(row.code_version, names, doubt)
  const family = parentOf(row)
  const sum = messageSum(
    seq,
    flow,
    key,
    token,
    acceptedAt,
    codeVersion,
    headers,
    fields,
    family,
    size,
    bodySum,
  )
  if (sum !== row.sum) doubt(rowDamaged(path, `message ${seq}`))
  const id = family === null ? rootId(seq, token) : childId(family.id, family.path, family.index)
  const parent = family === null ? null : { seq: family.seq, path: family.path, index: family.index }
  return { seq, id, flow, key, acceptedAt, codeVersion, headers: headersOf(headers), parent }
}

/** A name that is damaged, or lost, is shown by its number where the message is shown all the same. */
function nameOf(code: number, names: Names, doubt: Doubt): string {
  try {
    return names.nameOf(code)
  } catch (error) {
    if (!isLinkspanError(error, 'JOURNAL_DAMAGED')) throw error
    doubt(error)
    return `name ${code}`
  }
}

/** Called after the checksum fitted, or where a misfit is on record already. */
function headersOf(text: string): Headers {
  try {
    return JSON.parse(text) as Headers
  } catch {
    return {}
  }
}

function parentOf(row: MessageRow): { seq: number; id: string; path: string; index: number } | null {
  const { parent_seq: seq, parent_id: id, parent_path: path, parent_index: index } = row
  if (seq === null || id === null || path === null || index === null) return null
  return { seq, id, path, index }
}

function checkSettlement(seq: number, row: SettlementRow, names: Names, path: string, doubt: Doubt): void {
  const { flow, child, ending, ended_at: endedAt, attempt, n, reason, frame } = row
  const name = nameOf(flow, names, doubt)
  const sum = settlementSum(seq, name, child === 1, ending, endedAt, attempt, n, reason, frame)
  if (sum !== row.sum || endingOf(ending) === undefined)
    doubt(rowDamaged(path, `the ending of message ${seq}`))
}

function endingOfRow({
  ending,
  ended_at,
  attempt,
  reason,
}: SettlementRow): NonNullable<StoredMessage['ending']> {
  return { ending: endingOf(ending) ?? 'dead', endedAt: ended_at, attempt, reason }
}

/** A checked row as a {@link Wait}. */
export function waitOf(row: WaitRow, names: Names, path: string, doubt: Doubt = refuse): Wait {
  const { seq, key, wake_at: wakeAt, hold, parent, attempt, bytes, accepted_at: acceptedAt, kin, lane } = row
  const flow = nameOf(row.flow, names, doubt)
  const reason = reasonOf(row.reason)
  const sum = waitSum(seq, flow, key, row.reason, wakeAt, hold, parent, attempt, bytes, acceptedAt, kin, lane)
  if (sum !== row.sum || reason === undefined) doubt(rowDamaged(path, `the wait of message ${seq}`))
  return { seq, flow, key, reason: reason ?? 'ready', wakeAt, hold: hold === 1, parent, attempt }
}

/** The columns of `messages` that its checksum covers. */
export const CHECKED_COLUMNS: string = MESSAGE_COLUMNS

/** Checks rows as they come from SQLite; each throws `JOURNAL_DAMAGED`. */
export const rowChecks: {
  readonly message: (row: unknown, names: Names, path: string) => void
  readonly settlement: (row: unknown, names: Names, path: string) => void
  readonly wait: (row: unknown, names: Names, path: string) => void
} = {
  message: (row, names, path) => void messageFacts(row as MessageRow, names, path, refuse),
  settlement: (row, names, path) =>
    checkSettlement((row as { seq: number }).seq, row as SettlementRow, names, path, refuse),
  wait: (row, names, path) => void waitOf(row as WaitRow, names, path),
}
