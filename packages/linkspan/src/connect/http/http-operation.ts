import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '../../model/duration.ts'
import type { ByKey, ByVerify, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { CallContext, Verdict } from '../connector.ts'
import type { StatusMeaning } from './failure.ts'
import type { Query } from './path.ts'
import type { HttpReply } from './reply.ts'

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** The part of the {@link CallContext} that a request may be made from: the same each time the call is repeated. */
export type CallMark = Pick<CallContext, 'mark' | 'messageId'>

/**
 * How the body of a reply becomes the result.
 * - A Standard Schema: the body must be JSON that fits.
 * - A function of the reply; what it throws says that the reply is not as promised.
 * - `json`: the body must be JSON; a 204 gives undefined. `text`: as text. `none`: not looked at.
 * - Nothing stated: JSON where the reply says that it is, else its text, or undefined where it is empty.
 */
export type ResponseShape = StandardSchemaV1 | ((reply: HttpReply) => unknown) | 'json' | 'text' | 'none'

/** The type of the result that a {@link ResponseShape} gives. */
export type ResultOf<R> = R extends 'text'
  ? string
  : R extends 'none'
    ? undefined
    : R extends StandardSchemaV1<unknown, infer Out>
      ? Out
      : R extends (reply: HttpReply) => infer Out
        ? Out
        : unknown

/** The system knows our idempotency key. */
export interface KeyGuarantee extends ByKey {
  /** @default 'idempotency-key' */
  readonly header?: string
  /** Whether it is sent as a structured-field string, in quotes, as the IETF draft has it. False for services that take it bare. @default true */
  readonly quoted?: boolean
}

/** The system can be asked whether a call was applied. */
export interface VerifyGuarantee<In, Out> extends ByVerify {
  /** The request that asks, and how its answer is read. */
  readonly verify: (input: In, call: CallMark) => VerifyRequest<Out>
}

/** A question after a call, by GET unless stated otherwise. Its reply is read when it is a 2xx, 404 or 410. */
export interface VerifyRequest<Out> {
  readonly path: string
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** For a POST, as JSON. */
  readonly body?: unknown
  readonly read: (reply: HttpReply) => Verdict<Out>
}

interface Details<In, Out> {
  readonly natural: Natural
  readonly key: KeyGuarantee
  readonly verify: VerifyGuarantee<In, Out>
  readonly none: NoGuarantee
}

/** A guarantee as an HTTP operation states it. */
export type StatedGuarantee<K extends GuaranteeKind, In, Out> = { readonly kind: K } & Details<In, Out>[K]

export type GuaranteeKind = keyof Details<never, never>

/** The guarantee that the operation then has, as plain data. */
export type DeclaredGuarantee<K extends GuaranteeKind> = {
  natural: Natural
  key: ByKey
  verify: ByVerify
  none: NoGuarantee
}[K]

/** What every HTTP operation may state. Functions get the input and the call's mark and must be pure. */
export interface RequestOptions<In, R extends ResponseShape> {
  /** Unique within the connection. */
  readonly name: string
  /** Below the connection's `baseUrl`, or a whole URL where it has none. Use the `path` tag to encode values. */
  readonly path: string | ((input: In, call: CallMark) => string)
  readonly query?: Query | ((input: In, call: CallMark) => Query)
  readonly headers?:
    | Readonly<Record<string, string>>
    | ((input: In, call: CallMark) => Readonly<Record<string, string>>)
  /** What is sent. @default the input for POST, PUT and PATCH, nothing for others */
  readonly body?: (input: In, call: CallMark) => unknown
  /** How the body is written. @default 'json' */
  readonly bodyAs?: 'json' | 'form' | 'text' | 'binary'
  /** Checks the input before anything is sent. */
  readonly input?: StandardSchemaV1<unknown, In>
  readonly response?: R
  /** What some statuses mean, where the service uses them in its own way: `{ 404: 'ok' }`. */
  readonly statuses?: Readonly<Record<number, StatusMeaning>>
  /** How many redirects of a GET or HEAD are followed, on the same host. @default 0 */
  readonly redirects?: number
  /** The call's time limit where the step states none. @default '30s' */
  readonly timeout?: Duration
}

/** What only a GET of guarantee `natural` may state. */
export interface ReadingOptions {
  /**
   * Asks whether the reply of the last same request still holds (`If-None-Match`, `If-Modified-Since`), and uses that
   * one where the service answers 304. Kept are replies with an `ETag` or `Last-Modified` and without `no-store`, in
   * memory: of a connection at most 1000 with 16 MiB, those that were used last. @default false
   */
  readonly conditional?: boolean
  /**
   * Joins a same request that is under way, so that many messages that ask for one thing at once cost one request. Its
   * answer may be as of a moment before the call was made: not for reading back what the same flow has just written.
   * @default false
   */
  readonly coalesce?: boolean
}

/** Options of an operation that is harmless to repeat by its method: the guarantee may be left out. */
export interface RepeatableOptions<In, R extends ResponseShape, K extends GuaranteeKind>
  extends RequestOptions<In, R>,
    ReadingOptions {
  /** @default { kind: 'natural' } */
  readonly guarantee?: StatedGuarantee<K, In, ResultOf<R>>
}

/** Options of an operation that must say what repeating it does. */
export interface UnrepeatableOptions<In, R extends ResponseShape, K extends GuaranteeKind>
  extends RequestOptions<In, R> {
  readonly guarantee: StatedGuarantee<K, In, ResultOf<R>>
}
