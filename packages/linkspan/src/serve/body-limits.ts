import { formatDuration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Clock } from '../model/outside.ts'
import type { Deadlines } from '../runtime/deadlines.ts'
import type { Exchange } from './exchange.ts'
import { refusal } from './refusal.ts'

/** How a server reads bodies. */
export interface ReadSettings {
  readonly clock: Clock
  /** How long a body may take to arrive. */
  readonly timeoutMs: number
  /** Keeps that limit for all bodies under way. */
  readonly deadlines: Deadlines
}

/** Refuses a body that announces more bytes than the limit before any of them are read; what it announces is not trusted. */
export function checkAnnounced(header: Exchange['header'], limit: number): void {
  const announced = header('content-length')
  if (announced !== null && Number(announced) > limit) throw tooLarge(limit)
}

/** The error for a body over the limit. */
export function tooLarge(limit: number): LinkspanError {
  return new LinkspanError(
    'BODY_TOO_LARGE',
    `The body has more than the ${limit} bytes that are taken here.`,
    {
      details: { limit },
    },
  )
}

/** The refusal of a body that does not arrive. */
export function tooSlow(timeoutMs: number): Error {
  return refusal('REQUEST_TIMED_OUT', `The body did not arrive within ${formatDuration(timeoutMs)}.`)
}

/** The refusal of a body that breaks off; seldom anybody is left to read it. */
export function brokenOff(): Error {
  return refusal('REQUEST_INCOMPLETE', 'The request ended before its body was complete.')
}

/** Chunks as one array, copied only when there is more than one. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array
  return Buffer.concat(chunks, size)
}
