import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { LinkspanError } from '../../model/errors.ts'
import type { ReadKafkaRegistry } from './kafka-config.ts'

/** Asks the registry. Rejects with what the engine can act on. */
export type Ask = (
  method: 'GET' | 'POST',
  path: string,
  body?: object,
) => Promise<Readonly<Record<string, unknown>>>

/** A request, and when it is given up. */
export interface RegistryRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body: object | undefined
  readonly signal: AbortSignal
}

interface Answer {
  readonly status: number
  readonly text: string
}

const MOST_BYTES = 16 * 1024 * 1024

/** A schema that the registry does not have: what was written by it is unreadable for good. */
export class UnknownSchema extends Error {
  override readonly name = 'UnknownSchema'
}

/**
 * One request to a registry with Confluent's interface. It changes nothing that is not there yet, so that it may be repeated.
 * @throws {UnknownSchema} when the registry does not have it (404).
 * @throws {LinkspanError} for all else; `applied` is `no`, since no record was written.
 */
export async function askRegistry(
  registry: ReadKafkaRegistry,
  asked: RegistryRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const what = `the schema registry at ${registry.url.origin} (${asked.method} ${asked.path})`
  const answer = await send(registry, asked).catch((error: unknown) => {
    throw unreached(what, error)
  })
  if (answer.status === 404) throw new UnknownSchema(`${what} does not have it${saidIn(answer)}`)
  if (answer.status !== 200) throw refusal(what, answer)
  try {
    return JSON.parse(answer.text) as Readonly<Record<string, unknown>>
  } catch {
    throw new LinkspanError(
      'CALL_REPLY_INVALID',
      `Kafka: ${what} answered what is no JSON. Check registry.url: is its path the one with Confluent's interface?`,
      { retry: 'later' },
    )
  }
}

function send(registry: ReadKafkaRegistry, { method, path, body, signal }: RegistryRequest): Promise<Answer> {
  const { url, ca } = registry
  const target = new URL(url.href.replace(/\/$/, '') + path)
  const open = target.protocol === 'https:' ? secureRequest : plainRequest
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const headers = { ...authorization(registry), ...HEADERS, ...(payload ? LENGTH(payload) : {}) }
    const request = open(target, { method, headers, signal, ...(ca ? { ca } : {}) })
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length > MOST_BYTES) request.destroy(new Error('its answer is too large'))
      })
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.end(payload)
  })
}

const TYPE = 'application/vnd.schemaregistry.v1+json'
const HEADERS = { accept: `${TYPE}, application/json`, 'content-type': TYPE }
const LENGTH = (payload: string) => ({ 'content-length': String(Buffer.byteLength(payload)) })

function authorization({ user, password, token }: ReadKafkaRegistry): Readonly<Record<string, string>> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (user === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
}

function unreached(what: string, error: unknown): LinkspanError {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return new LinkspanError(
    'CALL_FAILED',
    `Kafka: ${what} was not reached: ${String(message)}${typeof code === 'string' ? ` (${code})` : ''}. Check registry.url, and that it runs.`,
    { retry: 'later', applied: 'no' },
  )
}

function refusal(what: string, answer: Answer): LinkspanError {
  const { status } = answer
  if (status === 401 || status === 403)
    return new LinkspanError(
      'CALL_UNAUTHENTICATED',
      `Kafka: ${what} answered ${status}${saidIn(answer)}. Check user, password or token of the connection's registry.`,
      { retry: status === 401 ? 'later' : 'never', applied: 'no' },
    )
  const final = status === 409 || status === 422
  return new LinkspanError(
    final ? 'CALL_REJECTED' : 'CALL_FAILED',
    `Kafka: ${what} answered ${status}${saidIn(answer)}.${final ? ' Correct the schema, or the compatibility of its subject.' : ''}`,
    { retry: final ? 'never' : 'later', applied: 'no' },
  )
}

/** What a registry says in its own words; it holds no credentials. */
function saidIn({ text }: Answer): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    return typeof message === 'string' ? `: ${message.slice(0, 300).replace(/\.$/, '')}` : ''
  } catch {
    return ''
  }
}
