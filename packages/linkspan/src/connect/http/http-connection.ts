import { durationMs } from '../../model/duration.ts'
import type { Guarantee } from '../../model/guarantee.ts'
import type {
  CallContext,
  ConnectionDeclaration,
  Connector,
  Operation,
  SourceDeclaration,
} from '../connector.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import { type HttpClient, httpClient } from './http-client.ts'
import { httpConfig, type ReadHttpConfig } from './http-config.ts'
import type {
  DeclaredGuarantee,
  GuaranteeKind,
  HttpMethod,
  RepeatableOptions,
  ResponseShape,
  ResultOf,
  UnrepeatableOptions,
} from './http-operation.ts'
import { type HttpPollOptions, httpPoll } from './http-poll.ts'
import { type RunOptions, runOperation, verifyOperation } from './run.ts'
import { httpSpec } from './spec.ts'

/** An operation that is harmless to repeat by its method, unless it says otherwise. */
export type MakeRepeatable = <
  In = unknown,
  const R extends ResponseShape = ResponseShape,
  const K extends GuaranteeKind = 'natural',
>(
  options: RepeatableOptions<In, R, K>,
) => Operation<In, ResultOf<R>, DeclaredGuarantee<K>>

/** An operation that must say what repeating it does. */
export type MakeUnrepeatable = <
  In = unknown,
  const R extends ResponseShape = ResponseShape,
  const K extends GuaranteeKind = never,
>(
  options: UnrepeatableOptions<In, R, K>,
) => Operation<In, ResultOf<R>, DeclaredGuarantee<K>>

/** A connection to an HTTP service, with the makers of its operations. */
export interface HttpConnection extends ConnectionDeclaration<ReadHttpConfig, HttpClient> {
  readonly get: MakeRepeatable
  readonly head: MakeRepeatable
  readonly put: MakeRepeatable
  readonly delete: MakeRepeatable
  readonly post: MakeUnrepeatable
  readonly patch: MakeUnrepeatable
  /**
   * A source over a list: asks for what is new, page after page, each accepted in one commit with its place in the list.
   *
   * @example
   * ```ts
   * import { flow } from 'linkspan'
   * import { httpConnection, linkHeader } from 'linkspan/http'
   *
   * interface Issue { number: number; updated_at: string; title: string }
   * const github = httpConnection('github')
   * const issues = github.poll<Issue>({
   *   name: 'issues',
   *   path: '/repos/acme/hub/issues',
   *   query: { state: 'all', sort: 'updated', direction: 'asc' },
   *   every: '2m',
   *   pages: linkHeader(),
   *   since: { param: 'since', of: (issue) => issue.updated_at, overlap: '1m' },
   *   identity: (issue) => `${issue.number} ${issue.updated_at}`,
   * })
   * const follow = flow('follow').from(issues, { key: (issue) => issue.number })
   * ```
   * @throws {LinkspanError} `CONFIG_INVALID` for an overlap without `identity`.
   */
  poll<T>(options: HttpPollOptions<T>): SourceDeclaration<T>
  /** Any method. POST and PATCH must state their guarantee; for the others it is `natural` where none is stated. */
  operation<
    In = unknown,
    const R extends ResponseShape = ResponseShape,
    const K extends GuaranteeKind = 'natural',
  >(
    options: RepeatableOptions<In, R, K> & { readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE' },
  ): Operation<In, ResultOf<R>, DeclaredGuarantee<K>>
  operation<
    In = unknown,
    const R extends ResponseShape = ResponseShape,
    const K extends GuaranteeKind = never,
  >(
    options: UnrepeatableOptions<In, R, K> & { readonly method: HttpMethod },
  ): Operation<In, ResultOf<R>, DeclaredGuarantee<K>>
}

/** The HTTP connector: what is the same for all HTTP connections. */
export const httpConnector: Connector<ReadHttpConfig, HttpClient> = {
  name: 'http',
  spec: httpSpec,
  config: httpConfig,
  connect: async (config, environment) => httpClient(config, environment.clock),
  close: (client) => client.close(),
}

/** Options of {@link httpConnection}. */
export interface HttpConnectionOptions {
  /** True when the project need not bind it: each path is then a whole URL. @default false */
  readonly optional?: boolean
}

/**
 * A connection to an HTTP service. The project binds `baseUrl`, credentials and time limits under its name;
 * its operations state their guarantee, and tell failures apart as docs/http-operations.md has it.
 *
 * @example
 * ```ts
 * import { httpConnection, path, typed } from 'linkspan/http'
 *
 * interface Task { id: string; title: string }
 * const tracker = httpConnection('tracker')
 *
 * const load = tracker.get({
 *   name: 'load',
 *   path: (input: { id: string }) => path`/tasks/${input.id}`,
 *   response: typed<Task>(),
 * })
 * const create = tracker.post({
 *   name: 'create',
 *   path: '/tasks',
 *   body: (input: { title: string }) => ({ title: input.title }),
 *   guarantee: { kind: 'key', validFor: '24h' },
 * })
 * ```
 */
export function httpConnection(name: string, options: HttpConnectionOptions = {}): HttpConnection {
  const connection: ConnectionDeclaration<ReadHttpConfig, HttpClient> = {
    name,
    connector: httpConnector,
    ...(options.optional === undefined ? {} : { optional: options.optional }),
  }
  const names = new Set<string>()
  const make =
    (method: HttpMethod): unknown =>
    (given: Omit<RunOptions, 'method'>) =>
      operation(connection, names, { ...given, method })
  return Object.assign(connection, {
    get: make('GET') as MakeRepeatable,
    head: make('HEAD') as MakeRepeatable,
    put: make('PUT') as MakeRepeatable,
    delete: make('DELETE') as MakeRepeatable,
    post: make('POST') as MakeUnrepeatable,
    patch: make('PATCH') as MakeUnrepeatable,
    poll: <T>(given: HttpPollOptions<T>) => httpPoll(connection, given),
    operation: ((given: RunOptions) => operation(connection, names, given)) as HttpConnection['operation'],
  })
}

function operation(
  connection: ConnectionDeclaration,
  names: Set<string>,
  given: Omit<RunOptions, 'guarantee'> & Partial<Pick<RunOptions, 'guarantee'>>,
): Operation<unknown, unknown> {
  const options: RunOptions = { ...given, guarantee: given.guarantee ?? naturalBy(connection.name, given) }
  checkOptions(connection.name, options, names)
  const run = (client: unknown, input: unknown, call: CallContext): Promise<unknown> =>
    runOperation(options, client as HttpClient, input, call)
  return {
    connection,
    name: options.name,
    guarantee: declared(options.guarantee),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    run,
    ...(options.guarantee.kind === 'verify'
      ? { verify: (client, input, call) => verifyOperation(options, client as HttpClient, input, call) }
      : {}),
  }
}

function naturalBy(
  connection: string,
  { name, method }: { readonly name: string; readonly method: HttpMethod },
): RunOptions['guarantee'] {
  if (method !== 'POST' && method !== 'PATCH') return { kind: 'natural' }
  throw invalidOperation(
    connection,
    name,
    `is a ${method} without a guarantee. State { kind: 'key', validFor }, { kind: 'verify', settleAfter, verify }, { kind: 'natural' } or { kind: 'none' }`,
  )
}

function declared({ kind, validFor, settleAfter }: RunOptions['guarantee']): Guarantee {
  if (kind === 'key') return { kind, validFor: validFor ?? 0 }
  if (kind === 'verify') return { kind, settleAfter: settleAfter ?? 0 }
  return { kind }
}

function checkOptions(connection: string, options: RunOptions, names: Set<string>): void {
  const { name, guarantee, timeout } = options
  checkOperationName(connection, name)
  if (names.has(name))
    throw invalidOperation(connection, name, 'exists already; the name of an operation is its identity')
  names.add(name)
  if (typeof options.path !== 'string' && typeof options.path !== 'function') {
    throw invalidOperation(connection, name, 'needs a path: a text or a function of the input')
  }
  for (const option of ['conditional', 'coalesce'] as const)
    if (options[option] === true && (options.method !== 'GET' || guarantee.kind !== 'natural'))
      throw invalidOperation(
        connection,
        name,
        `is a ${options.method} of guarantee ${guarantee.kind} and cannot be \`${option}\`: that is for a GET of guarantee natural`,
      )
  if (guarantee.kind === 'key') durationMs(guarantee.validFor ?? Number.NaN)
  if (guarantee.kind === 'verify') {
    durationMs(guarantee.settleAfter ?? Number.NaN)
    if (typeof guarantee.verify !== 'function')
      throw invalidOperation(connection, name, 'has the guarantee verify and no verify function')
  }
  if (timeout !== undefined) durationMs(timeout)
}
