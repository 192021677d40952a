import type { StandardSchemaV1 } from '@standard-schema/spec'
import { issuesText } from '../typed.ts'
import type { HttpMethod, ResponseShape } from './http-operation.ts'
import type { HttpReply } from './reply.ts'

/** The result of a reply, or why it is not as promised. */
export type ReadResult = { readonly value: unknown } | { readonly problem: string; readonly error?: unknown }

/** Reads the body of a successful reply as its operation promises. Answers at once unless the schema does not. */
export function readResult(
  shape: ResponseShape | undefined,
  reply: HttpReply,
  method: HttpMethod,
): ReadResult | Promise<ReadResult> {
  if (shape === 'none') return { value: undefined }
  if (shape === 'text') return { value: reply.text() }
  if (shape === 'json') return isBodiless(reply, method) ? { value: undefined } : readJson(reply)
  if (shape === undefined) return readAsItSays(reply)
  if (isSchema(shape)) return readBySchema(shape, reply, method)
  return readByFunction(shape, reply)
}

/** A schema may be a function too (arktype's are), so it is told by what it has. */
function isSchema(shape: object): shape is StandardSchemaV1 {
  return '~standard' in shape
}

function isBodiless({ status, bytes }: HttpReply, method: HttpMethod): boolean {
  return bytes.length === 0 && (status === 204 || status === 205 || method === 'HEAD')
}

function readJson(reply: HttpReply): ReadResult {
  try {
    return { value: reply.json() }
  } catch (error) {
    return { problem: `is not the promised JSON (${typeOf(reply)})`, error }
  }
}

function readAsItSays(reply: HttpReply): ReadResult {
  if (reply.bytes.length === 0) return { value: undefined }
  return /^application\/(?:[\w.-]+\+)?json\b/i.test(typeOf(reply)) ? readJson(reply) : { value: reply.text() }
}

function typeOf(reply: HttpReply): string {
  return reply.header('content-type') ?? 'no content-type'
}

function readBySchema(
  schema: StandardSchemaV1,
  reply: HttpReply,
  method: HttpMethod,
): ReadResult | Promise<ReadResult> {
  const read = isBodiless(reply, method) ? { value: undefined } : readJson(reply)
  if (!('value' in read)) return read
  const checked = schema['~standard'].validate(read.value)
  return checked instanceof Promise ? checked.then(judge) : judge(checked)
}

function judge(checked: StandardSchemaV1.Result<unknown>): ReadResult {
  if (checked.issues) return { problem: `does not fit its schema: ${issuesText(checked.issues)}` }
  return { value: checked.value }
}

function readByFunction(read: (reply: HttpReply) => unknown, reply: HttpReply): ReadResult {
  try {
    return { value: read(reply) }
  } catch (error) {
    return { problem: `could not be read: ${error instanceof Error ? error.message : String(error)}`, error }
  }
}
