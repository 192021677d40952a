import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { childId, rootId } from '../../model/message-id.ts'
import type { AcceptedAt, NewMessage } from '../journal.ts'
import { messageSum, plainSum } from './row-sum.ts'
import type { WaitWriter } from './waits.ts'
import type { WriteContext } from './write-context.ts'

/** Bodies above this many bytes lie apart from their message's row, so that rows stay short. */
export const CLAIM_CHECK_ABOVE: number = 64 * 1024
/** The size of the pieces of such a body. */
export const CHUNK: number = 256 * 1024

/** Writes one message at a place, unless it repeats another one: then the place stays free. */
export type Accept = (message: NewMessage, seq: number) => AcceptedAt

const NO_HEADERS = '{}'

/** Prepares the writing of messages. */
export function acceptor(context: WriteContext, waits: WaitWriter): Accept {
  const { db, names, tallies, active } = context
  const write = messageWriter(context)
  const remember = dedupeWriter(db)
  const siblingOf = db.prepare(
    'SELECT seq FROM messages WHERE parent_seq = ? AND parent_path = ? AND parent_index = ?',
  )
  const repeated = (message: NewMessage, id: string, seq: number): AcceptedAt | null => {
    if (message.parent !== null) {
      const { seq: parent, path, index } = message.parent
      const sibling = siblingOf.get(parent, path, index) as { seq: number } | undefined
      if (sibling !== undefined) return { seq: sibling.seq, duplicateOf: { seq: sibling.seq, id } }
    }
    const earlier = message.dedupe === null ? null : remember(message.dedupe, message.acceptedAt, seq, id)
    return earlier === null ? null : { seq: earlier.seq, duplicateOf: earlier }
  }
  return (message, seq) => {
    const { parent, acceptedAt } = message
    if (parent !== null || message.dedupe !== null) {
      const id = parent === null ? rootId(seq, message.token) : childId(parent.id, parent.path, parent.index)
      const duplicate = repeated(message, id, seq)
      if (duplicate !== null) return duplicate
    }
    const flow = names.intern(message.flow)
    const bytes = message.body.byteLength
    const facts = { flow, parent: parent?.seq ?? null, path: parent?.path ?? '', acceptedAt, bytes }
    write(message, seq, flow)
    if (parent !== null) tallies.addOpen(parent.seq, parent.path, 1)
    if (message.ready) waits.ready(message, seq, facts)
    else active.add(seq, facts)
    return { seq, duplicateOf: null }
  }
}

function messageWriter({
  db,
  names,
}: WriteContext): (message: NewMessage, seq: number, flow: number) => void {
  const root = db.prepare(
    'INSERT INTO messages (seq, sum, flow, key, token, accepted_at, code_version, headers, size, body_sum, body) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const related = db.prepare(
    'INSERT INTO messages (seq, sum, flow, key, token, accepted_at, code_version, headers, size, body_sum, body, ' +
      'fields, parent_seq, parent_id, parent_path, parent_index) ' +
      'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const chunk = db.prepare('INSERT INTO bodies VALUES (?, ?, ?)')
  const index = db.prepare('INSERT OR IGNORE INTO message_index VALUES (?, ?, ?)')
  const putApart = (seq: number, body: Uint8Array): void => {
    for (let n = 0; n * CHUNK < body.byteLength; n++)
      chunk.run(seq, n, body.subarray(n * CHUNK, (n + 1) * CHUNK))
  }
  return (message, seq, flow) => {
    const { key, token, acceptedAt, codeVersion, parent, body } = message
    const headers = headersText(message.headers)
    const fields = message.index === null ? null : JSON.stringify(message.index)
    const size = body.byteLength
    const bodySum = crc32(body)
    const version = names.intern(codeVersion)
    const apart = size > CLAIM_CHECK_ABOVE
    const inRow = apart ? null : body
    const sum = messageSum(
      seq,
      message.flow,
      key,
      token,
      acceptedAt,
      codeVersion,
      headers,
      fields,
      parent,
      size,
      bodySum,
    )
    if (parent === null && fields === null)
      root.run(seq, sum, flow, key, token, acceptedAt, version, headers, size, bodySum, inRow)
    else {
      const line = [
        parent?.seq ?? null,
        parent?.id ?? null,
        parent?.path ?? null,
        parent?.index ?? null,
      ] as const
      related.run(
        seq,
        sum,
        flow,
        key,
        token,
        acceptedAt,
        version,
        headers,
        size,
        bodySum,
        inRow,
        fields,
        ...line,
      )
    }
    if (apart) putApart(seq, body)
    for (const [field, value] of Object.entries(message.index ?? {})) index.run(field, value, seq)
  }
}

function headersText(headers: Readonly<Record<string, string>>): string {
  for (const _name in headers) return JSON.stringify(headers)
  return NO_HEADERS
}

type Dedupe = NonNullable<NewMessage['dedupe']>

/** Remembers a key, or answers the message that has it. A key is forgotten once a message comes at or after its time. */
function dedupeWriter(
  db: DatabaseSync,
): (dedupe: Dedupe, acceptedAt: number, seq: number, id: string) => { seq: number; id: string } | null {
  const upsert = db.prepare(
    'INSERT INTO seen (scope, key, sum, seq, id, until) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ' +
      'sum = excluded.sum, seq = excluded.seq, id = excluded.id, until = excluded.until WHERE seen.until <= ?',
  )
  const earlier = db.prepare('SELECT seq, id FROM seen WHERE scope = ? AND key = ?')
  return ({ scope, key, until }, acceptedAt, seq, id) => {
    const sum = plainSum(scope, key, seq, id, until)
    const { changes } = upsert.run(scope, key, sum, seq, id, until, acceptedAt)
    if (changes !== 0) return null
    const { seq: first, id: firstId } = earlier.get(scope, key) as { seq: number; id: string }
    return { seq: first, id: firstId }
  }
}
