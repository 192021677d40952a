import type { z } from 'zod'

/** An error that the API answers, as RFC 9457 has it. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** What is wrong, value by value. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[]
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Malformed request',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Not possible now',
  412: 'Changed meanwhile',
  413: 'Body too large',
  415: 'Unsupported media type',
  422: 'Invalid content',
  500: 'Internal error',
  503: 'Not available now',
}

/** A problem document as a response. */
export function problemResponse(
  status: number,
  detail: string,
  more: { readonly errors?: Problem['errors']; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const title = TITLES[status] ?? 'Error'
  const type = `urn:task-hub:problem:${title.toLowerCase().replaceAll(' ', '-')}`
  const problem: Problem = { type, title, status, detail, ...(more.errors ? { errors: more.errors } : {}) }
  const headers = { 'content-type': 'application/problem+json', ...more.headers }
  return new Response(JSON.stringify(problem), { status, headers })
}

/** What a schema found wrong, as a response. */
export function invalidResponse(error: z.ZodError, what: string): Response {
  const errors = error.issues.map(({ path, message }) => ({ path: `/${path.join('/')}`, message }))
  const list = errors.map(({ path, message }) => `${path}: ${message}`).join('; ')
  return problemResponse(422, `The ${what} is not valid: ${list}`, { errors })
}
