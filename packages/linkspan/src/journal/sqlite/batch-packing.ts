import type { Batch } from '../journal.ts'

/** A batch for another thread: one text and one block of bytes, so that the cost of sending does not grow with its parts. */
export interface PackedBatch {
  /** The batch as JSON, with the length of each byte field in the place of its bytes. */
  readonly text: string
  /** All byte fields, one after the other. */
  readonly bytes: ArrayBuffer
}

type Sized = number | null
type Packed<Part, Field extends keyof Part> = Omit<Part, Field> & { readonly [Name in Field]: Sized }

interface Outline extends Omit<Batch, 'accept' | 'records' | 'settle' | 'state'> {
  readonly accept: readonly Packed<Batch['accept'][number], 'body'>[]
  readonly records: readonly Packed<Batch['records'][number], 'frame'>[]
  readonly settle: readonly Packed<Batch['settle'][number], 'frame'>[]
  readonly state: readonly Packed<Batch['state'][number], 'value'>[]
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
    accept: batch.accept.map((part) => ({ ...part, body: take(part.body) })),
    records: batch.records.map((part) => ({ ...part, frame: take(part.frame) })),
    settle: batch.settle.map((part) => ({ ...part, frame: take(part.frame) })),
    state: batch.state.map((part) => ({ ...part, value: take(part.value) })),
  }
  return { text: JSON.stringify(outline), bytes: join(pieces) }
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
    accept: outline.accept.map((part) => ({ ...part, body: give(part.body) as Uint8Array })),
    records: outline.records.map((part) => ({ ...part, frame: give(part.frame) as Uint8Array })),
    settle: outline.settle.map((part) => ({ ...part, frame: give(part.frame) })),
    state: outline.state.map((part) => ({ ...part, value: give(part.value) })),
  }
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
