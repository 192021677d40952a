import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Effect, Sink } from '../protocol.ts'

/** A request with its body read. */
export interface SinkRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** What a simulator answers, and what it did. */
export interface SinkAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly effect: Effect | null
  /** One word or two for the log: `applied`, `stale`, `repeated`, `asked`. */
  readonly note: string
}

/**
 * What a request is to a simulator. `apply` changes something and can be disturbed by any fault; `ask` only reads and
 * can be disturbed before; `look` is for people and is never disturbed.
 */
export interface Route {
  readonly kind: 'apply' | 'ask' | 'look'
  /** What tells one logical request from another; attempts at it are counted. */
  readonly identity: string
  readonly deliveryId: string | null
  /** Does it, at once: nothing else happens between its first and its last change. */
  perform(): SinkAnswer
}

/** An outside system: finds the route of a request, or answers it with a refusal. */
export interface Simulator {
  readonly sink: Sink
  route(request: SinkRequest): Route | SinkAnswer
}

/** A refusal as RFC 9457 has it. */
export function refusal(status: number, detail: string): SinkAnswer {
  return { status, body: { type: 'about:blank', status, detail }, effect: null, note: detail }
}

/** A body's hash; the same content in the same order of fields gives the same. */
export function digestOf(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 16)
}

/** The body as an object, or null. */
export function objectOf(body: unknown): Readonly<Record<string, unknown>> | null {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : null
}

/** A field of a body when it is text, else null. */
export function textField(body: unknown, name: string): string | null {
  const value = objectOf(body)?.[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** A header when it is given once, else null. */
export function headerOf(request: SinkRequest, name: string): string | null {
  const value = request.headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** An effect with the fields that a sink does not have left empty. */
export function effectOf(given: Partial<Effect> & Pick<Effect, 'digest'>): Effect {
  return {
    deliveryId: null,
    subscriber: null,
    taskId: null,
    version: null,
    mark: null,
    text: null,
    again: false,
    ...given,
  }
}
