export { binary, json, text, textOf, Undecodable, unwritable } from '../format.ts'

import type { Schemas } from './schemas.ts'

/** Which part of a record is read or written, and by which schemas. */
export interface FormatPlace {
  readonly topic: string
  readonly part: 'key' | 'value'
  readonly schemas: Schemas
}

/**
 * How the bytes of a record are read and written. `decode` throws {@link Undecodable} for bytes that will never be read, and
 * anything else when they cannot be read now. What it answers must be data as JSON has it.
 */
export interface KafkaFormat<T = unknown> {
  readonly name: string
  /** True when the bytes are the JSON text of what `decode` answers. */
  readonly isJson?: boolean
  decode(bytes: Buffer, place: FormatPlace): T | Promise<T>
  encode(value: T, place: FormatPlace): Uint8Array | Promise<Uint8Array>
}
