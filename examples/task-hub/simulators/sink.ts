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

/** A route for people who look at what a simulator holds. */
export function lookRoute(perform: () => SinkAnswer): Route {
  return { kind: 'look', identity: '', deliveryId: null, perform }
}

/** What people are shown. */
export function shown(body: unknown): SinkAnswer {
  return { status: 200, body, effect: null, note: 'looked' }
}

/** What a request carries, as the simulators read it. */
export interface Content {
  readonly deliveryId: string | null
  /** A hash of the body; the same content in the same order of fields gives the same. */
  readonly digest: string
  readonly isObject: boolean
  /** A field when it is a text that is not empty, else null. */
  text(name: string): string | null
  /** A field when it is a number, else null. */
  number(name: string): number | null
  /** A header when it is given once, else null. */
  header(name: string): string | null
}

/** Reads what a request carries. */
export function contentOf({ body, headers }: SinkRequest): Content {
  const fields = objectOf(body)
  return {
    deliveryId: textOr(fields?.['deliveryId']),
    digest: digestOf(body),
    isObject: fields !== null,
    text: (name) => textOr(fields?.[name]),
    number: (name) => {
      const value = fields?.[name]
      return typeof value === 'number' ? value : null
    },
    header: (name) => textOr(headers[name]),
  }
}

function digestOf(body: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(body ?? null))
    .digest('base64url')
    .slice(0, 16)
}

function objectOf(body: unknown): Readonly<Record<string, unknown>> | null {
  return typeof body === 'object' && body !== null && !Array.isArray(body)
    ? (body as Record<string, unknown>)
    : null
}

function textOr(value: unknown): string | null {
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
