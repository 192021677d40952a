import { openJson, seal, sealJsonText } from '../journal/envelope.ts'
import type { StateCell } from '../journal/journal.ts'
import type { Json } from '../model/message.ts'
import type { CellAlong } from '../patterns/pattern.ts'
import { type Entry, INPUT_TEXT } from './record.ts'

export { openJson }

/** The place that binds a body to its message: known before the message has its place in the order of acceptance. */
export function bodyPlace(
  token: string,
  parent: { readonly id: string; readonly path: string; readonly index: number } | null,
): string {
  return parent === null ? `b:${token}` : `b:${parent.id}:${parent.path}:${parent.index}`
}

/** A body as the journal keeps it. */
export function sealText(json: string, place: string): Uint8Array {
  return sealJsonText(json, place)
}

/** A body as the journal keeps it, of its JSON text in UTF-8. */
export function sealBytes(json: Uint8Array, place: string): Uint8Array {
  return seal(json, place, 'json')
}

const framePlace = (seq: number, n: number): string => `r:${seq}:${n}`

/** A piece of a record as the journal keeps it. */
export function sealEntries(entries: readonly Entry[], seq: number, n: number): Uint8Array {
  return sealEntryTexts(entries.map(entryText), seq, n)
}

/** A piece of a record of the texts of its entries. */
export function sealEntryTexts(texts: readonly string[], seq: number, n: number): Uint8Array {
  return sealText(`[${texts.join(',')}]`, framePlace(seq, n))
}

/** An entry as it stands in a piece of a record. */
export function entryText(entry: Entry): string {
  const text = INPUT_TEXT in entry ? entry[INPUT_TEXT] : undefined
  if (text === undefined) return JSON.stringify(entry)
  const { i, ...rest } = entry as Extract<Entry, { i: Json }>
  return `${JSON.stringify(rest).slice(0, -1)},"i":${text}}`
}

/** The entries of a message's frames, in order. Throws `RECORD_DAMAGED` or `RECORD_NEWER`. */
export function openFrames(frames: readonly Uint8Array[], seq: number): Entry[] {
  return frames.flatMap((frame, n) => openJson(frame, framePlace(seq, n)) as unknown as Entry[])
}

/** A cell of engine state as the journal keeps it: its value and until when it counts. */
export interface StoredCell {
  readonly v: Json
  readonly u: number | null
}

/** Seals a cell of engine state. */
export function sealCell(cell: StoredCell, scope: string, key: string): Uint8Array {
  return sealCellText(cellText(cell), scope, key)
}

/** Seals a cell of engine state of its text, which {@link cellText} made. */
export function sealCellText(text: string, scope: string, key: string): Uint8Array {
  return sealText(text, `s:${scope}:${key}`)
}

/** A cell of engine state as it is sealed. */
export function cellText(cell: StoredCell): string {
  return JSON.stringify(cell)
}

/** The cell of a text. */
export function cellOf(text: string): StoredCell {
  return JSON.parse(text) as StoredCell
}

/** Seals a cell of engine state that is put with the change of another one. */
export function sealAlong({ scope, key, value, until }: CellAlong): StateCell {
  return { scope, key, value: sealCell({ v: value, u: until }, scope, key), until }
}

/** Opens a cell of engine state. */
export function openCell(bytes: Uint8Array, scope: string, key: string): StoredCell {
  return openJson(bytes, `s:${scope}:${key}`) as unknown as StoredCell
}
