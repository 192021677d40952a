import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { StepCode, StepNode } from '../../model/flow-definition.ts'
import { seededRandom } from '../../model/hashing.ts'
import type { ErrorPolicy } from '../../model/policy.ts'
import { stepNameProblem } from '../../model/step-name.ts'
import { CONTROL_FLOW, raising } from '../control.ts'
import { untilMs } from '../delay.ts'
import {
  type LogLevel,
  NEVER_MS,
  type Pass,
  type ProcessPass,
  type RunnableOperation,
  type StepContext,
} from '../pattern.ts'
import { headersOf, type PublishedHeaders } from '../publish.ts'
import { type EventDeclaration, eventKey, tooLate } from '../wait-for.ts'
import { shown } from './arguments.ts'
import { callAsk, sleepAsk, waitAsk } from './asks.ts'
import type { OnUnknown } from './calling.ts'
import { checked } from './checked.ts'
import { eventScope } from './event-cell.ts'
import { asJson } from './json.ts'
import type { ProcessRun } from './process-run.ts'

/** What a process declares that it uses. */
export interface Declared {
  readonly node: StepNode
  readonly code: StepCode
  /** Of an operation: how often a call is tried again; null leaves it to the flow. */
  readonly policy: ErrorPolicy | null
}

/** What of a message its process works with. */
export interface Workings {
  readonly pass: Pass
  readonly process: ProcessPass
  readonly run: ProcessRun
  readonly path: string
  readonly declared: ReadonlyMap<string, Declared>
}

const KINDS = {
  call: 'an operation',
  waitFor: 'an event',
  raise: 'an event',
  publish: 'a channel',
} as const

/** What the function of a process sees beside the body: what any step sees, and what it asks. */
export function processContext(workings: Workings): StepContext {
  const { run, pass, path } = workings
  const draw = drawing(pass, path)
  const own = {
    random: draw,
    uuid: () => uuid(draw),
    call: (name: string, input?: unknown) => run.answerOf(() => call(workings, name, input)),
    sleep: (name: string, wait: Duration | Date) => run.answerOf(() => sleep(workings, name, wait)),
    waitFor: (name: string, key: unknown, options?: { readonly timeout?: Duration }) =>
      run.answerOf(() => waitFor(workings, name, key, options?.timeout)),
    raise: (name: string, key: unknown, value: unknown) => raise(workings, name, key, value),
    publish: (
      name: string,
      body: unknown,
      options?: PublishedHeaders & { readonly key?: string | number | null },
    ) => publish(workings, name, body, options ?? {}),
    log: (name: string, line: Readonly<Record<string, unknown>> = {}, level: LogLevel = 'info') =>
      log(workings, name, line, level),
  }
  const context = Object.assign(Object.create(pass.enter(path)), own) as StepContext
  return Object.defineProperty(context, 'now', { get: () => run.now, enumerable: true })
}

/** Numbers that are the same each time the process comes to them. */
function drawing(pass: Pass, path: string): () => number {
  const seed = `${pass.context.id}\u0000${path}`
  let draws = 0
  return () => {
    draws += 1
    return seededRandom(seed, draws)
  }
}

/** RFC 9562, section 5.4, of numbers that can be drawn again. */
function uuid(draw: () => number): string {
  const word = (): string =>
    Math.floor(draw() * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0')
  const digits = word() + word() + word() + word()
  const variant = '89ab'[Number.parseInt(digits[16] as string, 16) % 4] as string
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    variant + digits.slice(17, 20),
    digits.slice(20),
  ].join('-')
}

async function call(workings: Workings, name: string, given: unknown): Promise<unknown> {
  const { pass, process, run } = workings
  const { node, code, policy } = find(workings, name, 'call')
  const place = run.next(name)
  // The function may change what it gave while it is on its way.
  const input = given === undefined ? undefined : asJson(given, place, 'the input')
  const request = {
    path: place,
    operation: code['operation'] as RunnableOperation,
    input,
    timeoutMs: node.options['timeoutMs'] as number | null,
    onUnknown: (node.options['onUnknown'] ?? 'inDoubt') as OnUnknown,
    usesResult: true,
  }
  return run.ask(callAsk(pass, process, request, policy), input)
}

async function sleep(workings: Workings, name: string, wait: Duration | Date): Promise<unknown> {
  const { process, run } = workings
  free(workings, name, 'sleep')
  const place = run.next(name)
  return run.ask(sleepAsk(process, place, untilMs(wait, run.now, place)), null)
}

async function waitFor(
  workings: Workings,
  name: string,
  given: unknown,
  timeout: Duration | undefined,
): Promise<unknown> {
  const { pass, process, run } = workings
  const { node } = find(workings, name, 'waitFor')
  const place = run.next(name)
  const key = eventKey(given, place)
  const timeoutMs = timeout === undefined ? null : durationMs(timeout)
  const settings = {
    scope: eventScope(node.options['event'] as string),
    key,
    untilMs: timeoutMs === null ? NEVER_MS : run.now + timeoutMs,
    tooLate: () => tooLate(place, key, timeoutMs),
  }
  return run.ask(waitAsk(pass, process, place, settings), key)
}

/** By a message of the engine's own flow, so that it is raised with what the process does next or not at all. */
function raise(workings: Workings, name: string, given: unknown, value: unknown): void {
  const { pass, run } = workings
  const { code } = find(workings, name, 'raise')
  const place = run.next(name)
  const { body, key } = raising(code['event'] as EventDeclaration<unknown>, given, value)
  pass.publish(place, CONTROL_FLOW, body, { key, headers: {} })
  run.put(place)
}

function publish(
  workings: Workings,
  name: string,
  body: unknown,
  { key = null, headers }: PublishedHeaders & { readonly key?: string | number | null },
): void {
  const { pass, run } = workings
  const { node, code } = find(workings, name, 'publish')
  const place = run.next(name)
  const { schema } = code['channel'] as { readonly schema?: StandardSchemaV1 }
  const plain = asJson(body, place, 'the body')
  pass.publish(
    place,
    node.options['channel'] as string,
    schema === undefined ? plain : checked(schema, plain, place),
    {
      key: key === null ? null : String(key),
      headers: headersOf(headers, body, pass.context, place),
    },
  )
  run.put(place)
}

function log(
  workings: Workings,
  name: string,
  line: Readonly<Record<string, unknown>>,
  level: LogLevel,
): void {
  const { pass, run } = workings
  free(workings, name, 'log')
  pass.log(run.next(name), level, () => line)
}

function find(workings: Workings, name: string, asked: keyof typeof KINDS): Declared {
  const { declared } = workings
  // An event is declared once, for waiting and for raising.
  const kind = asked === 'raise' ? 'waitFor' : asked
  const found = declared.get(name)
  if (found?.node.kind === kind) return found
  const names = [...declared].flatMap(([each, { node }]) => (node.kind === kind ? [each] : []))
  throw misused(
    workings,
    `ctx.${asked}() takes the name of ${KINDS[asked]} that is declared under "uses" (${names.join(', ') || 'there is none'}), not ${shown(name)}.`,
  )
}

/** Sleeps and lines of the log are named where they are; they must not be taken for what is declared. */
function free(workings: Workings, name: string, method: string): void {
  const problem = stepNameProblem(name)
  if (problem !== undefined)
    throw misused(workings, `the name of a ctx.${method}() ${problem}: ${shown(name)}.`)
  if (workings.declared.has(name))
    throw misused(workings, `${shown(name)} is declared under "uses": give the ctx.${method}() another name.`)
}

function misused({ run, path }: Workings, what: string): LinkspanError {
  return run.fatal(
    new LinkspanError('STEP_FAILED', `In the process "${path}", ${what}`, { details: { path } }),
  )
}
