/** One thing that went wrong, out of the tree of errors that the client throws. */
export interface Failure {
  /** From the outermost to its cause. */
  readonly messages: readonly string[]
  /** Kafka's own words: `MESSAGE_TOO_LARGE`. */
  readonly apiIds: readonly string[]
  /** Of the client (`PLT_KFK_…`) and of the system (`ECONNREFUSED`). */
  readonly codes: readonly string[]
  /** Which partition of the answer it is about: `/responses/0/partition_responses/1`. */
  readonly path: string | null
  /** The answer that it was found in. */
  readonly response: unknown
  /** It happened before anything could be written: while brokers or a producer id were asked for. */
  readonly before: boolean
}

interface ClientError {
  readonly message?: unknown
  readonly code?: unknown
  readonly apiId?: unknown
  readonly path?: unknown
  readonly errors?: unknown
  readonly cause?: unknown
  readonly response?: unknown
}

/** What the client does before it writes; it names that in the error of a task that it gave up. */
const BEFORE = /^(?:metadata|apiVersions|initProducerId\w*|initIdempotentProducer|findCoordinator) failed/i

/**
 * All that went wrong: a task that was tried several times at several brokers fails with errors within errors, whose
 * outermost says nothing. What caused a failure belongs to it.
 */
export function failuresOf(thrown: unknown, before = false, response: unknown = null): readonly Failure[] {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as ClientError
  const own = error.response ?? response
  if (Array.isArray(error.errors) && error.errors.length > 0) {
    const begun = before || BEFORE.test(String(error.message))
    return error.errors.flatMap((each) => failuresOf(each, begun, own))
  }
  return [failureOf(chainOf(thrown), before, own)]
}

function failureOf(chain: readonly unknown[], before: boolean, response: unknown): Failure {
  const errors = chain.map((each) => (typeof each === 'object' && each !== null ? each : {}) as ClientError)
  const texts = (values: readonly unknown[]): string[] =>
    values.filter((value) => typeof value === 'string').filter((value) => value !== '')
  const messages = texts(errors.map(({ message }) => message))
  return {
    messages: messages.length === 0 ? [String(chain[0])] : messages,
    apiIds: texts(errors.map(({ apiId }) => apiId)),
    codes: texts(errors.map(({ code }) => code)),
    path: texts(errors.map(({ path }) => path))[0] ?? null,
    response,
    before,
  }
}

/** An error and what caused it; of several causes the first. */
function chainOf(thrown: unknown): readonly unknown[] {
  const chain: unknown[] = []
  for (let at: unknown = thrown; at !== undefined && at !== null && !chain.includes(at); ) {
    chain.push(at)
    const { cause, errors } = at as ClientError
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined)
  }
  return chain.length === 0 ? [thrown] : chain
}
