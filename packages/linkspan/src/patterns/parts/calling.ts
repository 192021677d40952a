import type { Operation } from '../../connect/connector.ts'
import { type Duration, durationMs } from '../../model/duration.ts'
import type { StepCode, StepNode } from '../../model/flow-definition.ts'
import type { Guarantee, NoGuarantee } from '../../model/guarantee.ts'
import type { Json } from '../../model/message.ts'
import { asPolicy, type ErrorAction, type ErrorPolicy } from '../../model/policy.ts'
import type {
  CompileTools,
  Draft,
  FailureOptions,
  NewScope,
  NewStep,
  Pass,
  RunnableOperation,
  StepContext,
} from '../pattern.ts'
import type { Context, Ended, Failed, FlowFacts, Steps } from '../steps.ts'
import { answered } from './answered.ts'
import { invalid, needFunction, shown, stepWords } from './arguments.ts'

/** What becomes of a call whose outcome nobody can know: *in doubt*, or it is made again and may happen twice. */
export type OnUnknown = 'inDoubt' | 'atLeastOnce'

/** The input of a call where the body is not what the operation takes. */
export interface InputNeeded<B, N, In> {
  /** Makes the operation's input of the body. Synchronous and pure. */
  readonly input: (body: B, ctx: Context<N>) => In
}

/** The input of a call where the body is what the operation takes. */
export interface InputOptional<B, N, In> {
  /** Makes the operation's input of the body. Synchronous and pure. @default the body */
  readonly input?: (body: B, ctx: Context<N>) => In
}

/** An operation of guarantee `none` is only called by authors who say what an unknown outcome becomes. */
export interface Acknowledged {
  /** `inDoubt` asks a person; `atLeastOnce` calls again, so that it may happen twice. */
  readonly onUnknown: OnUnknown
}

/** The guarantee is not known by its type: whether {@link Acknowledged} is needed shows when the flow is built. */
export interface MaybeAcknowledged {
  readonly onUnknown?: OnUnknown
}

/** The operation's guarantee decides an unknown outcome, so there is nothing to choose. */
export interface NothingToAcknowledge {
  readonly onUnknown?: never
}

/** What a call may state. */
export interface CallSettings<B, N, F extends FlowFacts, O, H extends FlowFacts> extends FailureOptions {
  /** The call's time limit. @default the operation's */
  readonly timeout?: Duration
  /** Steps that run when the call has failed for good; `ctx.error` says why. */
  readonly fallback?: (scope: Steps<B, N & Failed, F>) => Ended<O, H>
}

/** The input option that a call needs. */
export type InputOption<B, N, In> = [B] extends [In] ? InputOptional<B, N, In> : InputNeeded<B, N, In>

/** The acknowledgement that a guarantee needs. */
export type Acknowledgement<G extends Guarantee> = [G] extends [NoGuarantee]
  ? Acknowledged
  : NoGuarantee extends G
    ? MaybeAcknowledged
    : NothingToAcknowledge

/** All options of a call but where its result goes. */
export type CallOptions<
  B,
  N,
  F extends FlowFacts,
  In,
  G extends Guarantee,
  O,
  H extends FlowFacts,
> = CallSettings<B, N, F, O, H> & InputOption<B, N, In> & Acknowledgement<G>

/** What an operation must be for a call without options; a text says which option it lacks. */
export type Bare<B, In, Out, G extends Guarantee> = [G] extends [NoGuarantee]
  ? 'this call needs the option onUnknown, as the operation has the guarantee "none"'
  : [B] extends [In]
    ? Operation<In, Out, G>
    : 'this call needs the option input, as the body is not what the operation takes'

/** The arguments of `call` and `to` as they come in at run time. */
export interface GivenCallOptions extends FailureOptions {
  readonly input?: (body: unknown, ctx: StepContext) => unknown
  readonly as?: string
  readonly timeout?: Duration
  readonly onUnknown?: OnUnknown
  readonly fallback?: (scope: never) => unknown
}

/** The new step of a call. */
export function callStep(
  draft: Draft,
  kind: 'call' | 'to',
  name: string,
  operation: Operation<unknown, unknown>,
  given: GivenCallOptions = {},
): NewStep {
  checkOperation(operation, name)
  checkAcknowledgement(operation, given, name)
  if (kind === 'call') checkResult(given, name)
  const { input, as, fallback } = given
  return {
    kind,
    name,
    operation,
    options: dataOf(operation, given),
    code: { operation, ...(input === undefined ? {} : { input: needFunction(input, 'input', name) }) },
    scopes: fallback === undefined ? [] : [fallbackScope(draft, fallback, name)],
    common: given,
    binds: as === undefined ? [] : [as],
  }
}

function fallbackScope(draft: Draft, fallback: (scope: never) => unknown, step: string): NewScope {
  const build = needFunction(fallback, 'fallback', step)
  return { name: 'fallback', label: 'on failure', draft: draft.scope(build, { binds: ['error'] }) }
}

function dataOf(operation: Operation<unknown, unknown>, given: GivenCallOptions): Record<string, Json> {
  const timeout = given.timeout ?? operation.timeout
  return {
    ...(given.as === undefined ? {} : { as: given.as }),
    timeoutMs: timeout === undefined ? null : durationMs(timeout),
    ...(given.onUnknown === undefined ? {} : { onUnknown: given.onUnknown }),
  }
}

function checkOperation(operation: Operation<unknown, unknown>, step: string): void {
  const fits =
    typeof operation === 'object' &&
    operation !== null &&
    typeof operation.run === 'function' &&
    typeof operation.connection?.name === 'string' &&
    typeof operation.guarantee?.kind === 'string'
  if (fits) return
  throw invalid(
    `${stepWords(step)} needs an operation of a connection as its second argument, but got ${shown(operation)}.`,
  )
}

function checkAcknowledgement(
  operation: Operation<unknown, unknown>,
  given: GivenCallOptions,
  step: string,
): void {
  const called = `"${operation.connection.name}.${operation.name}"`
  if (operation.guarantee.kind !== 'none') {
    if (given.onUnknown === undefined) return
    throw invalid(
      `${stepWords(step)} states onUnknown, but ${called} has the guarantee "${operation.guarantee.kind}", which decides an unknown outcome. Leave onUnknown out.`,
    )
  }
  if (given.onUnknown === 'inDoubt' || given.onUnknown === 'atLeastOnce') return
  throw invalid(
    `${stepWords(step)} calls ${called}, which has the guarantee "none": state onUnknown: 'inDoubt' (a person decides) or 'atLeastOnce' (it may happen twice), not ${shown(given.onUnknown)}.`,
  )
}

/** A call that is ignored has no result, so the steps after it would get what their types rule out. */
function checkResult(given: GivenCallOptions, step: string): void {
  if (given.onError === undefined || given.fallback !== undefined || !canIgnore(given.onError)) return
  throw invalid(
    `${stepWords(step)} may be ignored when it fails, and the steps after it would lack its result. Use to() if nobody needs the result, or give a fallback that supplies one.`,
  )
}

function canIgnore(given: ErrorAction | ErrorPolicy): boolean {
  const { rules, otherwise } = asPolicy(given)
  return [otherwise, ...rules.map((rule) => rule.action)].some((action) => action.final === 'ignore')
}

/** Makes the call of a compiled step; `place` puts its result where it belongs. */
export function callExecutor(
  node: StepNode,
  code: StepCode,
  { path }: CompileTools,
  place: (pass: Pass, result: unknown) => void,
): (pass: Pass) => Promise<undefined> {
  const operation = code['operation'] as RunnableOperation
  const input = code['input'] as ((body: unknown, ctx: StepContext) => unknown) | undefined
  const timeoutMs = node.options['timeoutMs'] as number | null
  const onUnknown = (node.options['onUnknown'] ?? 'inDoubt') as OnUnknown
  const usesResult = node.kind !== 'to'
  return async (pass) => {
    const context = pass.enter(path)
    const value = input ? answered(input(pass.body, context), path, 'its input') : pass.body
    place(pass, await pass.call({ path, operation, input: value, timeoutMs, onUnknown, usesResult }))
    return undefined
  }
}
