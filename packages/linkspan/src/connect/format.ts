import { LinkspanError } from '../model/errors.ts'

/**
 * How the bytes of a message are read and written. `decode` throws {@link Undecodable} for bytes that will never be read.
 * What it answers must be data as JSON has it.
 */
export interface Format<T = unknown> {
  readonly name: string
  /** True when the bytes are the JSON text of what `decode` answers. */
  readonly isJson?: boolean
  decode(bytes: Buffer): T
  /** `part` is what is written, for the error of what cannot be. */
  encode(value: T, place?: { readonly part: string }): Uint8Array
}

/** Bytes that are not what the format says, now and for ever: what has them becomes a dead letter. */
export class Undecodable extends Error {
  override readonly name = 'Undecodable'
}

const BODY = { part: 'body' }
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text, or null where they are no UTF-8. A byte order mark stays. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes)
  } catch {
    return null
  }
}

function readText(bytes: Buffer): string {
  const text = textOf(bytes)
  if (text === null) throw new Undecodable('it is no text in UTF-8')
  return text
}

/** JSON in UTF-8. */
export function json<T = unknown>(): Format<T> {
  return {
    name: 'json',
    isJson: true,
    decode(bytes) {
      try {
        return JSON.parse(readText(bytes)) as T
      } catch (error) {
        if (error instanceof Undecodable) throw error
        throw new Undecodable(`it is no JSON: ${(error as Error).message}`)
      }
    },
    encode(value, { part } = BODY) {
      const text = JSON.stringify(value)
      if (text === undefined) throw unwritable('json', part, `${typeof value} is no JSON value`)
      return Buffer.from(text)
    },
  }
}

/** Text in UTF-8. */
export function text(): Format<string> {
  return {
    name: 'text',
    decode: readText,
    encode(value, { part } = BODY) {
      if (typeof value === 'string') return Buffer.from(value)
      throw unwritable('text', part, `it got ${typeof value}`)
    },
  }
}

/** Any bytes; a body holds them as base64. */
export function binary(): Format<string> {
  return {
    name: 'binary',
    decode: (bytes) => bytes.toString('base64'),
    encode(value, { part } = BODY) {
      if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value))
        return Buffer.from(value, 'base64')
      throw unwritable('binary', part, 'it takes a text in base64')
    },
  }
}

/** What cannot be written as its format has it: trying again would not help. */
export function unwritable(format: string, part: string, problem: string): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `The ${part} of a message cannot be written as ${format}: ${problem}. Correct what the operation is given.`,
    { retry: 'never', applied: 'no' },
  )
}
