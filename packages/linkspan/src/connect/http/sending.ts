import type { CallContext } from '../connector.ts'
import type { HttpMethod } from './http-operation.ts'

/** Where a request goes. */
export interface Target {
  /** Null for the connection's own host. */
  readonly origin: string | null
  readonly path: string
}

/** A request before it is sent. */
export interface Sending extends Target {
  readonly method: HttpMethod
  /** Name, value, name, value … */
  readonly headers: string[]
  readonly body: string | Uint8Array | null
}

/** What sending takes of the call, or of the several calls, that it is for. */
export type Caller = Pick<CallContext, 'onAbort' | 'maySend' | 'timeoutMs' | 'limits'>

/** What tells a request from others that ask for something else, or as someone else: all but its trace. */
export function identityOf({ origin, path, method, headers }: Sending): string {
  const pairs: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] as string).toLowerCase()
    if (name !== 'traceparent') pairs.push(`${name}: ${headers[at + 1]}`)
  }
  return [method, origin ?? '', path, ...pairs.sort()].join('\n')
}

/** Whether a request has a header. */
export function hasHeader({ headers }: Sending, wanted: string): boolean {
  return headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === wanted)
}
