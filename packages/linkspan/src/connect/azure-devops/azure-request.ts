import type { Guarantee, Natural } from '../../model/guarantee.ts'
import type {
  BatchedCall,
  CallBatch,
  CallContext,
  ConnectionDeclaration,
  Operation,
  Verdict,
} from '../connector.ts'
import type { StatusMeaning } from '../http/failure.ts'
import type { HttpMethod, HttpReply, Query } from '../http/index.ts'
import { type RunOptions, runOperation } from '../http/run.ts'
import type { AzureClient } from './azure-client.ts'

/** The scope that a token needs for an operation, as the documentation of the REST API names it. */
export type AzureScope =
  | 'vso.work'
  | 'vso.work_write'
  | 'vso.code'
  | 'vso.code_write'
  | 'vso.code_status'
  | 'vso.threads_full'
  | 'vso.build'
  | 'vso.build_execute'

/** An operation that says which scope its token needs. */
export interface AzureOperation<In, Out, G extends Guarantee> extends Operation<In, Out, G> {
  /** The least scope that does. */
  readonly scope: AzureScope
}

/** The input of operations inside a project. */
export type InProject = {
  /** The project's name or id. @default the one that the connection is bound to */
  readonly project?: string | undefined
}

/** One request to the REST API. */
export interface AzureRequest<In, Out> {
  readonly name: string
  readonly method: HttpMethod
  /** Below the organization or the project. */
  readonly at?: 'organization' | 'project'
  readonly path: string | ((input: In) => string)
  readonly query?: (input: In) => Query
  /** @default '7.1' */
  readonly version?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: (input: In, mark: string) => unknown
  /** The body is a JSON Patch document, or bytes. @default JSON */
  readonly bodyAs?: 'patch' | 'binary'
  readonly statuses?: Readonly<Record<number, StatusMeaning>>
  /** Makes the result of the reply; what it throws says that the reply is not as promised. */
  readonly read: (reply: HttpReply) => Out
}

/** Makes a request by a client. */
export type AzureCall<In, Out> = (
  client: AzureClient,
  input: In & InProject,
  call: CallContext,
) => Promise<Out>

/** The page for signing in is what expired tokens are answered with. */
const STATUSES: Readonly<Record<number, StatusMeaning>> = { 203: 'unauthenticated', 302: 'unauthenticated' }
const TYPES = { patch: 'application/json-patch+json', binary: 'application/octet-stream' } as const

/** A request as a function of client and input, with the errors of the HTTP connector. */
export function azureRequest<In, Out>(request: AzureRequest<In, Out>): AzureCall<In, Out> {
  const { name, method, path, query, body, bodyAs } = request
  const options: RunOptions = {
    name,
    method,
    path: typeof path === 'string' ? path : (input) => path(input as In),
    query: (input) => ({ ...query?.(input as In), 'api-version': request.version ?? '7.1' }),
    headers: { ...(bodyAs === undefined ? {} : { 'content-type': TYPES[bodyAs] }), ...request.headers },
    statuses: { ...STATUSES, ...request.statuses },
    response: request.read,
    // A repetition is the engine's affair; here it only decides how statuses are told apart.
    guarantee: { kind: 'natural' },
    ...(body === undefined
      ? {}
      : { body: (input: unknown, { mark }: { readonly mark: string }) => body(input as In, mark) }),
    ...(bodyAs === 'binary' ? { bodyAs: 'binary' as const } : {}),
  }
  return (client, input, call) => {
    const http = request.at === 'organization' ? client.organization : client.project(input.project)
    return runOperation(options, http, input, call) as Promise<Out>
  }
}

/** What an operation is made of. */
export interface OperationParts<In, Out, G extends Guarantee> {
  readonly name: string
  readonly scope: AzureScope
  readonly guarantee: G
  readonly run: AzureCall<In, Out>
  readonly verify?: (client: AzureClient, input: In & InProject, call: CallContext) => Promise<Verdict<Out>>
  readonly batch?: CallBatch<In & InProject, Out>
}

/** Makes an operation of a connection. */
export function azureOperation<In, Out, const G extends Guarantee>(
  connection: ConnectionDeclaration,
  { name, scope, guarantee, run, verify, batch }: OperationParts<In, Out, G>,
): AzureOperation<In & InProject, Out, G> {
  return {
    connection,
    name,
    scope,
    guarantee,
    run: async (client, input, call) => run(client as AzureClient, input, call),
    ...(verify === undefined
      ? {}
      : {
          verify: (client: unknown, input: In & InProject, call: CallContext) =>
            verify(client as AzureClient, input, call),
        }),
    ...(batch === undefined ? {} : { batch }),
  }
}

/** An object of JSON that has at least these fields. */
export function objectWith<T>(...names: readonly (keyof T & string)[]): (reply: HttpReply) => T {
  return (reply) => checked<T>(reply.json(), names)
}

/** The objects of a list, which have at least these fields. */
export function listWith<T>(...names: readonly (keyof T & string)[]): (reply: HttpReply) => readonly T[] {
  return (reply) => {
    const { value } = checked<{ readonly value: unknown }>(reply.json(), ['value'])
    if (!Array.isArray(value)) throw new Error('its value is no list')
    return value.map((one) => checked<T>(one, names))
  }
}

function checked<T>(value: unknown, names: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('it is no object')
  const missing = names.find((name) => !(name in value))
  if (missing === undefined) return value as T
  throw new Error(`it has no "${missing}"`)
}

/** One request that stands for several calls: no single one of them may end it. */
export function callTogether(calls: readonly BatchedCall<unknown>[]): CallContext {
  const { call } = calls[0] as BatchedCall<unknown>
  const made = calls.map((one) => one.call.firstMadeAt).filter((at) => at !== null)
  return {
    messageId: call.messageId,
    mark: call.mark,
    signal: new AbortController().signal,
    onAbort: () => () => undefined,
    maySend: () => true,
    jsonText: (value) => JSON.stringify(value),
    timeoutMs: Math.max(...calls.map((one) => one.call.timeoutMs)),
    attempt: call.attempt,
    firstMadeAt: made.length === 0 ? null : Math.min(...made),
    limits: (said) => call.limits(said),
    traceparent: call.traceparent,
  }
}

/** Reading again is harmless. */
export const NATURAL = { kind: 'natural' } as const
/** The service can be asked; replicas that answer queries may lag behind for some seconds. */
export const ASKED = { kind: 'verify', settleAfter: '15s' } as const
export type Asked = typeof ASKED

/** Makes the operations of a connection that are harmless to repeat, each of one request. */
export function naturalMaker(
  connection: ConnectionDeclaration,
): <In, Out>(
  scope: AzureScope,
  request: AzureRequest<In, Out>,
) => AzureOperation<In & InProject, Out, Natural> {
  return (scope, request) =>
    azureOperation(connection, { name: request.name, scope, guarantee: NATURAL, run: azureRequest(request) })
}

/** What asking is answered where a thing was found, or not. */
export function verdictOf<Out>(found: Out | null | undefined): Verdict<Out> {
  return found === null || found === undefined ? { state: 'absent' } : { state: 'done', result: found }
}
