/** What can be wrong with a request before the engine has seen it; the engine's own words are its error codes. */
export type RequestCode =
  | 'REQUEST_MALFORMED'
  | 'REQUEST_INVALID'
  | 'REQUEST_TIMED_OUT'
  | 'REQUEST_INCOMPLETE'
  | 'ROUTE_UNKNOWN'
  | 'METHOD_NOT_ALLOWED'
  | 'LENGTH_REQUIRED'
  | 'BODY_MALFORMED'
  | 'FORBIDDEN'
  | 'REPLY_ABSENT'

/** One thing that is wrong, and where: `pointer` is a JSON Pointer (RFC 6901) into the body. */
export interface ProblemIssue {
  readonly detail: string
  readonly pointer?: string
}

/** What a refusal says beside its code and detail. */
export interface RefusalOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly issues?: readonly ProblemIssue[]
  /** Further members of the problem document. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** A request that is refused: thrown by an endpoint, answered as a problem document. */
export interface Refusal extends Error, RefusalOptions {
  readonly refusal: RequestCode
}

/** Makes a {@link Refusal}; `detail` is shown to the client. */
export function refusal(code: RequestCode, detail: string, options: RefusalOptions = {}): Refusal {
  return Object.assign(new Error(detail), { refusal: code, ...options })
}

/** Whether a thrown value is a {@link Refusal}. */
export function isRefusal(thrown: unknown): thrown is Refusal {
  return thrown instanceof Error && 'refusal' in thrown
}
