import type {
  CallContext,
  ConnectEnvironment,
  ConnectionDeclaration,
  Connector,
  Operation,
  Verdict,
} from '../connect/connector.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Guarantee } from '../model/guarantee.ts'
import type { Clock } from '../model/outside.ts'
import { type FakeOutcome, happen } from './fake-outcome.ts'

/** A request as it reached a fake operation, or was lost on its way to it. Times in milliseconds since 1970. */
export interface FakeRequest<In = unknown> {
  readonly at: number
  readonly input: In
  readonly messageId: string
  readonly mark: string
  readonly attempt: number
}

/** A change that a fake operation's system has seen. */
export interface FakeEffect<In = unknown, Out = unknown> extends FakeRequest<In> {
  /** Its place among all effects of all fakes since they were made. */
  readonly place: number
  /** What was answered, or would have been. */
  readonly result: Out
}

/** How a fake operation behaves. */
export interface FakeOptions<In, Out, State> {
  /** What the system answers, the request having taken effect. @default undefined */
  readonly result?: (input: In, state: State) => Out
  /** The system's state at first, for an operation that is told by what it leaves behind. @default null */
  readonly initial?: () => State
  /** The system's state after a request. It must make a new one. @default it stays */
  readonly apply?: (state: State, input: In) => State
  /** The operation's time limit. @default the engine's, 30 s */
  readonly timeout?: Duration
  /** False for a system that breaks its promise: it knows no key again and no mark. @default true */
  readonly remembers?: boolean
}

/**
 * An operation on a system in memory. It stands in flows as any operation does, or in the place of a real one.
 * The system outlives the engine: a crash of the engine changes nothing in it.
 */
export interface FakeOperation<In = unknown, Out = unknown, G extends Guarantee = Guarantee, State = unknown>
  extends Operation<In, Out, G> {
  /** `connection.operation`. */
  readonly fullName: string
  /** All requests, also those that took no effect. */
  readonly requests: readonly FakeRequest<In>[]
  /** What took effect, in order. */
  readonly effects: readonly FakeEffect<In, Out>[]
  /** The system's state now. */
  readonly state: State
  /** Whether its options say how requests change the state. */
  readonly hasState: boolean
  /** How often it was asked after a call. */
  readonly questions: number
  /** What becomes of the next calls, one each; calls after them go well again. */
  next(...outcomes: readonly FakeOutcome<Out>[]): void
  /** Decides each call that `next` says nothing of; undefined lets it go well. */
  when(decide: (request: FakeRequest<In>) => FakeOutcome<Out> | undefined): void
  /** What the next questions after a call are answered instead of the truth, one each. */
  nextVerdict(...verdicts: readonly Verdict<Out>['state'][]): void
  /** Forgets everything: requests, effects, state, keys and what was programmed. */
  reset(): void
}

const FAKE: unique symbol = Symbol('fake operation')
let places = 0

/**
 * Makes an operation on a system in memory that keeps its guarantee: for `key` it answers a repeated key from its
 * memory while the key is valid, for `verify` it can be asked, for `natural` and `none` each request takes effect.
 *
 * @example
 * ```ts
 * import { flow, inbox } from 'linkspan'
 * import { fakeOperation } from 'linkspan/testing'
 * const charge = fakeOperation('bank.charge', { kind: 'key', validFor: '24h' }, {
 *   result: (order: { total: number }) => ({ receipt: `r-${order.total}` }),
 * })
 * charge.next('timeout-after', { retryAfter: '30s' })
 * const pay = flow('pay').from(inbox<{ total: number }>()).call('charge', charge, { as: 'paid' })
 * ```
 */
export function fakeOperation<In, Out = undefined, const G extends Guarantee = Guarantee, State = null>(
  fullName: string,
  guarantee: G,
  options: FakeOptions<In, Out, State> = {},
): FakeOperation<In, Out, G, State> {
  const { connection, name } = namesOf(fullName)
  const system = createSystem(fullName, guarantee, options)
  return {
    [FAKE]: true,
    fullName,
    connection: fakeConnection(connection),
    name,
    guarantee,
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...system,
    get state() {
      return system.state
    },
    get questions() {
      return system.questions
    },
  } as FakeOperation<In, Out, G, State>
}

/** Whether an operation is a fake one. */
export function isFake(operation: unknown): operation is FakeOperation {
  return typeof operation === 'object' && operation !== null && FAKE in operation
}

type System<In, Out, State> = Omit<
  FakeOperation<In, Out, Guarantee, State>,
  'fullName' | 'connection' | 'name' | 'guarantee'
>

function createSystem<In, Out, State>(
  fullName: string,
  guarantee: Guarantee,
  options: FakeOptions<In, Out, State>,
): System<In, Out, State> {
  const { remembers = true, initial = () => null as State } = options
  const requests: FakeRequest<In>[] = []
  const effects: FakeEffect<In, Out>[] = []
  const planned: FakeOutcome<Out>[] = []
  const verdicts: Verdict<Out>['state'][] = []
  let decide: (request: FakeRequest<In>) => FakeOutcome<Out> | undefined = () => undefined
  let state = initial()
  let questions = 0

  const apply = (request: FakeRequest<In>, now: number, answer?: { readonly result: Out }): Out => {
    const known = guarantee.kind === 'key' && remembers ? withKey(request.mark) : undefined
    if (known && guarantee.kind === 'key' && now - known.at < durationMs(guarantee.validFor))
      return known.result
    state = options.apply ? options.apply(state, request.input) : state
    const result = answer ? answer.result : (options.result?.(request.input, state) as Out)
    places += 1
    effects.push({ ...request, at: now, place: places, result })
    return result
  }

  const withKey = (mark: string): FakeEffect<In, Out> | undefined =>
    effects.findLast((effect) => effect.mark === mark)

  return {
    requests,
    effects,
    hasState: options.apply !== undefined,
    get state() {
      return state
    },
    get questions() {
      return questions
    },
    next: (...outcomes) => void planned.push(...outcomes),
    when: (given) => {
      decide = given
    },
    nextVerdict: (...given) => void verdicts.push(...given),
    run(client, input, call) {
      const clock = clockOf(client, fullName)
      const request = requestOf(input, call, clock.now())
      requests.push(request)
      const outcome = planned.shift() ?? decide(request) ?? 'ok'
      return happen(
        outcome,
        {
          name: fullName,
          apply: (answer) => apply(request, clock.now(), answer),
          after: (ms, run) => void clock.timer(ms, run),
        },
        call,
      )
    },
    ...(guarantee.kind === 'verify'
      ? {
          async verify(_client: unknown, _input: In, { mark }: CallContext): Promise<Verdict<Out>> {
            questions += 1
            const effect = remembers ? withKey(mark) : undefined
            const told = verdicts.shift() ?? (effect ? 'done' : 'absent')
            if (told === 'done') return { state: told, result: effect?.result as Out }
            return { state: told }
          },
        }
      : {}),
    reset() {
      for (const list of [requests, effects, planned, verdicts]) list.length = 0
      decide = () => undefined
      state = initial()
      questions = 0
    },
  }
}

function requestOf<In>(input: In, { messageId, mark, attempt }: CallContext, at: number): FakeRequest<In> {
  return { at, input: structuredClone(input), messageId, mark, attempt }
}

function namesOf(fullName: string): { readonly connection: string; readonly name: string } {
  const dot = fullName.indexOf('.')
  if (dot > 0 && dot < fullName.length - 1)
    return { connection: fullName.slice(0, dot), name: fullName.slice(dot + 1) }
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The name of a fake operation is connection.operation, as in "boards.workItems.update", not "${fullName}".`,
  )
}

interface FakeClient {
  readonly clock: Clock
}

function clockOf(client: unknown, fullName: string): Clock {
  const clock = (client as Partial<FakeClient> | undefined)?.clock
  if (clock) return clock
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The fake ${fullName} was called with a client that is not its own. Let the engine call it, or pass { clock }.`,
  )
}

const connector: Connector<unknown, FakeClient> = {
  name: 'fake',
  spec: { summary: 'A system in memory, for tests.', stability: 'stable', options: [] },
  config: { '~standard': { version: 1, vendor: 'linkspan', validate: (value) => ({ value }) } },
  connect: async (_config, { clock }: ConnectEnvironment) => ({ clock }),
}

/** The connection of the fakes of one system. It needs no configuration. */
export function fakeConnection(name: string): ConnectionDeclaration {
  return { name, connector: connector as Connector<unknown, unknown>, optional: true }
}
