/**
 * One HTTP request as the endpoints see it, whatever server it came through. There are two makers: one for
 * web-standard requests, one for Node's own, so that the endpoints are written once.
 */
export interface Exchange {
  /** In upper case. */
  readonly method: string
  /** Percent-encoded, without the query. */
  readonly path: string
  /** The query without its question mark; empty when there is none. */
  readonly search: string
  /** The client's address, or null where the server does not tell. */
  remoteAddress(): string | null
  /** Fires when the client has gone away. A function and no getter: V8 makes a new shape for each object with one. */
  gone(): AbortSignal
  /** A header by its lower-case name; repeated ones are joined with `, `. */
  header(name: string): string | null
  /**
   * The whole body, read once. Throws a refusal when it has more than `limit` bytes, whatever its Content-Length
   * says, when it takes too long to arrive, or when it ends early.
   */
  read(limit: number): Promise<Uint8Array>
}

/** An answer to a request, before a server has made it its own. */
export interface Answer {
  readonly status: number
  /** Lower-case names; no Content-Length, the server adds it. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | ReadableStream<Uint8Array> | null
}

/** What an endpoint has of a request beside the exchange: decoded path parameters. */
export type Params = Readonly<Record<string, string>>

/** Answers a request. What it throws becomes a problem document. */
export type Handler = (exchange: Exchange, params: Params) => Promise<Answer>

/** One method on one path. */
export interface Endpoint {
  readonly method: string
  /** As `/orders/:id`. */
  readonly path: string
  /** Whose it is, for messages to people: `the flow "orders"`. */
  readonly label: string
  /** Whether it changes nothing, so that HEAD may be answered as GET without the body. */
  readonly safe?: boolean
  /** Whether its answers are streams, which only the web-standard path writes. */
  readonly streams?: boolean
  readonly handle: Handler
}

/** An answer with a JSON body. */
export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  }
}

/** An answer without a body. */
export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers, body: null }
}
