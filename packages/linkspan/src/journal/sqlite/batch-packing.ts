import type { Batch, NewMessage, RecordFrame, Settlement, StateChange } from '../journal.ts'

/** A batch for another thread: one text and one block of bytes, so that the cost of sending does not grow with its parts. */
export interface PackedBatch {
  /** The batch as JSON: parts as rows without names, with the length of each byte field in the place of its bytes. */
  readonly text: string
  /** All byte fields, one after the other. */
  readonly bytes: ArrayBuffer
}

type Sized = number | null

type MessageRow = readonly [
  flow: string,
  key: string | null,
  token: string,
  acceptedAt: number,
  codeVersion: string,
  headers: NewMessage['headers'],
  body: Sized,
  parent: NewMessage['parent'],
  ready: boolean,
  dedupe: NewMessage['dedupe'],
  index: NewMessage['index'],
]
type RecordRow = readonly [seq: number, n: number, frame: Sized]
type SettlementRow = readonly [
  seq: number,
  ending: Settlement['ending'],
  endedAt: number,
  attempt: number,
  frame: Sized,
  n: number,
  reason: string,
]
type StateRow = readonly [scope: string, key: string, value: Sized, until: number | null]

interface Outline extends Omit<Batch, 'accept' | 'records' | 'settle' | 'state'> {
  readonly accept: readonly MessageRow[]
  readonly records: readonly RecordRow[]
  readonly settle: readonly SettlementRow[]
  readonly state: readonly StateRow[]
}

/** Packs a batch; `bytes` is to be transferred. */
export function packBatch(batch: Batch): PackedBatch {
  const pieces: Uint8Array[] = []
  const take = (piece: Uint8Array | null): Sized => {
    if (piece === null) return null
    pieces.push(piece)
    return piece.byteLength
  }
  const outline: Outline = {
    ...batch,
    accept: batch.accept.map((part) => messageRow(part, take(part.body))),
    records: batch.records.map(({ seq, n, frame }) => [seq, n, take(frame)]),
    settle: batch.settle.map((part) => settlementRow(part, take(part.frame))),
    state: batch.state.map(({ scope, key, value, until }) => [scope, key, take(value), until]),
  }
  return { text: JSON.stringify(outline), bytes: join(pieces) }
}

function messageRow(message: NewMessage, size: Sized): MessageRow {
  const { flow, key, token, acceptedAt, codeVersion, headers, parent, ready, dedupe, index } = message
  return [flow, key, token, acceptedAt, codeVersion, headers, size, parent, ready, dedupe, index]
}

function settlementRow({ seq, ending, endedAt, attempt, n, reason }: Settlement, size: Sized): SettlementRow {
  return [seq, ending, endedAt, attempt, size, n, reason]
}

/** The inverse of {@link packBatch}; byte fields are views into the block. */
export function unpackBatch({ text, bytes }: PackedBatch): Batch {
  const outline = JSON.parse(text) as Outline
  let at = 0
  const give = (size: Sized): Uint8Array | null => {
    if (size === null) return null
    at += size
    return new Uint8Array(bytes, at - size, size)
  }
  return {
    ...outline,
    accept: outline.accept.map((row) => messageOf(row, give(row[6]) as Uint8Array)),
    records: outline.records.map(
      ([seq, n, size]): RecordFrame => ({ seq, n, frame: give(size) as Uint8Array }),
    ),
    settle: outline.settle.map((row) => settlementOf(row, give(row[4]))),
    state: outline.state.map(
      ([scope, key, size, until]): StateChange => ({ scope, key, value: give(size), until }),
    ),
  }
}

function messageOf(row: MessageRow, body: Uint8Array): NewMessage {
  const [flow, key, token, acceptedAt, codeVersion, headers, , parent, ready, dedupe, index] = row
  const sole = { partition: 0, handOver: false, handedUpTo: 0 }
  return { flow, key, token, acceptedAt, codeVersion, headers, body, parent, ready, dedupe, index, ...sole }
}

function settlementOf(row: SettlementRow, frame: Uint8Array | null): Settlement {
  const [seq, ending, endedAt, attempt, , n, reason] = row
  return { seq, ending, endedAt, attempt, frame, n, reason }
}

function join(pieces: readonly Uint8Array[]): ArrayBuffer {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.byteLength
  }
  return whole.buffer
}
