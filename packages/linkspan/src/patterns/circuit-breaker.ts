import { type Duration, formatDuration } from '../model/duration.ts'
import { LinkspanError, type StoredError } from '../model/errors.ts'
import type { StepCode, StepNode } from '../model/flow-definition.ts'
import './steps.ts'
import { needFunction } from './parts/arguments.ts'
import { type Caught, type Takes, takes } from './parts/caught.ts'
import {
  type Asked,
  askCircuit,
  type CircuitRules,
  type CircuitState,
  type Reported,
  reportTo,
  type Verdict,
} from './parts/circuit-cell.ts'
import { codeOf, type GivenCircuit, rulesOf, type WhenOpen, waysOf } from './parts/circuit-options.ts'
import { type AttemptEnd, type Gate, type GateStanding, letInAt, throughGate } from './parts/gate.ts'
import { keyText } from './parts/key-text.ts'
import type { Merged } from './parts/merged.ts'
import type {
  CommonOptions,
  Draft,
  NewScope,
  Pass,
  Pattern,
  Program,
  StepContext,
  StepResult,
} from './pattern.ts'
import type { Context, Ended, Failed, FlowFacts, Steps } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Circuit Breaker: lets messages through to its steps as long as these do well. When too many of the last attempts
     * failed, or were slow, it opens, and nothing is let through for a time; then a few try whether it can be closed.
     *
     * Each attempt of its steps counts, those that an error policy makes too. What a message does that is not let through, by
     * `whenOpen`:
     * - `'fallback'` (the default where there is a `fallback`): it runs those steps instead; `ctx.error` is `CIRCUIT_OPEN`.
     * - `'wait'` (the default without): it waits in the journal until it is let through. That is no attempt of its policy.
     * - `'fail'`: it fails with `CIRCUIT_OPEN`, to be tried again when the circuit may be tried.
     *
     * The `fallback` also runs when the steps failed for good, after what the policies try again, with the body and the names
     * from before. A call in doubt is no failure of the message, but counts as a failed attempt.
     *
     * The circuit is engine state: it survives a restart and is one for all engines of a journal. Every attempt is
     * written to it, so give it a `key` where thousands a second come through on several engines.
     *
     * @throws {LinkspanError} `CIRCUIT_OPEN` with `whenOpen: 'fail'`.
     * @example
     * ```ts
     * import { flow, inbox, type Operation } from 'linkspan'
     * declare const quote: Operation<{ item: string }, { price: number }, { kind: 'natural' }>
     * const priced = flow('priced')
     *   .from(inbox<{ item: string }>())
     *   .circuitBreaker('prices', (s) => s.call('quote', quote).map(({ price }) => price), {
     *     window: { calls: 20 },
     *     minimum: 10,
     *     openFor: '30s',
     *     fallback: (s) => s.map('list price', () => 100),
     *   })
     * ```
     */
    circuitBreaker<O, H extends FlowFacts, O2 = never, H2 extends FlowFacts = F>(
      name: string,
      scope: (steps: Steps<B, N, F>) => Ended<O, H>,
      options?: CircuitBreakerOptions<B, N, F, O2, H2>,
    ): Steps<O | O2, N, Merged<Merged<F, H>, H2>>
  }
}

/** When a circuit opens and closes, and what becomes of messages that it does not let through. Rates are per cent. */
export interface CircuitBreakerOptions<B, N, F extends FlowFacts, O, H extends FlowFacts>
  extends CommonOptions {
  /** What has a circuit of its own, as a tenant or a host; not empty. Synchronous and pure. @default one for all */
  readonly key?: (body: B, ctx: Context<N>) => string
  /** What is looked at: the last attempts (1000 at most), or those of a stretch of time. @default { calls: 100 } */
  readonly window?: { readonly calls: number } | { readonly time: Duration }
  /** How many attempts there must be in the window before it can open. @default 100 */
  readonly minimum?: number
  /** The share of failed attempts, over 0 to 100, from which on it opens. @default 50 */
  readonly failureRate?: number
  /** Attempts that take longer than `after`, from being let through to the end of the steps, are slow; a share of `rate` opens it. */
  readonly slow?: { readonly after: Duration; readonly rate?: number }
  /** Which errors are failures; others count as success. @default 'any' */
  readonly failures?: Caught<B, N>
  /** Which errors count as nothing, whatever `failures` says. @default none */
  readonly ignored?: Caught<B, N>
  /** How long it is open before it is tried. @default '1m' */
  readonly openFor?: Duration
  /** How many are let through to try it; they decide, or the first `minimum` of them. @default 10 */
  readonly trials?: number
  /** How long it may take to try it before it is open again. @default as long as it takes */
  readonly trialFor?: Duration
  /** What becomes of a message that is not let through. @default 'fallback' with a fallback, else 'wait' */
  readonly whenOpen?: 'fallback' | 'wait' | 'fail'
  /** Whether the messages after it with the same key wait too, so that they keep their order. @default true */
  readonly hold?: boolean
  /** How many of those that wait ask again in a second, at most: what recovers is not overrun. @default 100 */
  readonly resume?: number
  /** Steps with the same scope have their circuits in common, also those of other flows. @default the flow and the step */
  readonly scope?: string
  /** Steps instead, for what is not let through, or failed for good; `ctx.error` says why. */
  readonly fallback?: (steps: Steps<B, N & Failed, F>) => Ended<O, H>
}

const DO = 'do'
const INSTEAD = 'instead'

/** The `circuitBreaker` step. */
export const circuitBreaker: Pattern = {
  kind: 'circuitBreaker',
  stepClass: 'stateful',
  summary: 'Stops coming to steps that fail, and tries again after a while (Circuit Breaker).',
  methods: {
    circuitBreaker: (draft, name: string, scope: (inner: never) => unknown, given: GivenCircuit = {}) =>
      draft.add({
        kind: 'circuitBreaker',
        name,
        options: { ...rulesOf(given, name), ...waysOf(given, name) },
        code: codeOf(given, name),
        scopes: scopesOf(draft, scope, given.fallback, name),
        common: given,
        keepsState: true,
      }),
  },
  drawn: 'branches',
  goesOn: () => false,
  detail: ({ options: { windowCalls, windowMs, failureRate } }) =>
    `circuit breaker ${failureRate}% of ${windowCalls ?? formatDuration(windowMs as number)}`,
  compile(node, code, { path, program }) {
    const circuit = circuitOf(node, code, path)
    const steps = program(DO)
    const letThrough = (pass: Pass): Promise<StepResult> => goThrough(pass, circuit, steps)
    if (!node.scopes.some(({ name }) => name === INSTEAD)) return letThrough
    const fallback = program(INSTEAD)
    return (pass) => pass.rescue(path, letThrough, () => (rescued) => fallback.run(rescued))
  },
}

/** A compiled circuit breaker. */
interface Circuit {
  readonly path: string
  readonly scope: string
  readonly key: ((body: unknown, ctx: StepContext) => unknown) | undefined
  readonly rules: CircuitRules
  readonly whenOpen: WhenOpen
  readonly hold: boolean
  readonly failures: Takes
  readonly ignored: Takes
}

/** How far a message is with a circuit. */
type Standing = GateStanding & {
  readonly at: number
  readonly era: number
  readonly until: number
}

function circuitOf(node: StepNode, code: StepCode, path: string): Circuit {
  const { scope, whenOpen, hold } = node.options
  return {
    path,
    scope: scope as string,
    key: code['key'] as Circuit['key'],
    rules: node.options as unknown as CircuitRules,
    whenOpen: whenOpen as WhenOpen,
    hold: hold === true,
    failures: (code['failures'] ?? (() => true)) as Takes,
    ignored: (code['ignored'] ?? (() => false)) as Takes,
  }
}

/** One pass of a message through the circuit's steps, when it is let through. */
function goThrough(pass: Pass, circuit: Circuit, steps: Program): Promise<StepResult> {
  const { path, key } = circuit
  const { body } = pass
  const context = pass.enter(path)
  const cell = key ? keyText(key(body, context), path) : ''
  const gate: Gate<Standing> = {
    path,
    letIn: (inner) => letIn(inner, circuit, cell),
    async left(inner, standing, end) {
      // Its failed attempt was counted; that it took effect in the end says nothing of now.
      if (end.did === 'passed' && standing.did === 'settles') return
      const verdict = end.error === null ? 'done' : verdictOf(circuit, end.error, body, context)
      await report(inner, circuit, cell, standing, { ...end, verdict })
    },
  }
  return throughGate(pass, gate, steps)
}

const IN: readonly Standing['did'][] = ['let', 'passed', 'settles']

/** Comes to where the message is let through, or where it has to wait; throws where it is refused. */
async function letIn(
  pass: Pass,
  circuit: Circuit,
  cell: string,
): Promise<Standing | { readonly stop: StepResult }> {
  const { path, whenOpen, hold } = circuit
  for (;;) {
    pass.enter(path)
    const before = pass.noted(path) as Standing | undefined
    if (before !== undefined && (IN.includes(before.did) || pass.isUndecided(path))) return before
    if (before?.did === 'waits') {
      const stop = pass.pauseBeside(path, before.until, hold)
      if (stop !== undefined) return { stop }
    }
    const standing = await ask(pass, circuit, cell, before)
    if (standing.did === 'let') return standing
    if (whenOpen !== 'wait') throw circuitOpen(circuit, standing)
  }
}

async function ask(
  pass: Pass,
  circuit: Circuit,
  cell: string,
  before: Standing | undefined,
): Promise<Standing> {
  const { path, scope, rules, whenOpen } = circuit
  const asking = askCircuit(pass.context.id, rules, (id) => pass.endingOf(id))
  let found: Asked | null = null
  const noted = await pass.updateBeside<Standing>(
    path,
    scope,
    cell,
    async (present, at) => {
      const { result, ...change } = await asking(present, at)
      found = result
      const did = result.did === 'let' ? 'let' : whenOpen === 'wait' ? 'waits' : 'refused'
      const { era, until } = result
      const from = letInAt(before, did, at)
      return { ...change, result: { did, at, era, until, from, says: saysOf(did, result) } }
    },
    // After a failed attempt its steps are there to be shown.
    before?.did === 'failed' ? { ...before, did: 'let' } : null,
  )
  if (found !== null) tellAsked(pass, circuit, found)
  return noted
}

function saysOf(did: Standing['did'], { state, until }: Asked): string {
  if (did === 'let') return state === 'closed' ? 'let through' : 'let through to try whether it can be closed'
  return `the circuit is ${stateWords(state)}: ${did === 'waits' ? 'waits until' : 'not before'} ${new Date(until).toISOString()}`
}

function stateWords(state: CircuitState): string {
  return state === 'halfOpen' ? 'being tried by others' : state
}

/** Counts an attempt and notes what comes next. */
async function report(
  pass: Pass,
  { path, scope, key, rules }: Circuit,
  cell: string,
  standing: Standing,
  attempt: AttemptEnd & { readonly verdict: Verdict },
): Promise<void> {
  const { verdict, did, error } = attempt
  const { at: began, era, from } = standing
  const reporting = reportTo(pass.context.id, { at: began, era, verdict }, rules)
  let found: Reported | null = null
  const says =
    error === null
      ? 'went through'
      : `an attempt ${verdict === 'ignored' ? 'is not counted' : 'failed'}: ${error.code}`
  await pass.updateBeside<Standing>(
    path,
    scope,
    cell,
    async (present, at) => {
      const { result, ...change } = await reporting(present, at)
      found = result
      const undecided = did === 'failed' ? { undecided: true as const } : {}
      return { ...change, result: { did, at, era, until: at, from, says, ...undecided } }
    },
    standing,
  )
  if (found !== null) tellReported(pass, path, key === undefined, verdict, found)
}

function tellAsked(pass: Pass, { path, key }: Circuit, found: Asked): void {
  if (found.did === 'refused') pass.tell(path, 'refused')
  tellState(pass, path, key === undefined, found)
}

function tellReported(pass: Pass, path: string, isOne: boolean, verdict: Verdict, found: Reported): void {
  pass.tell(path, verdict === 'done' ? 'succeeded' : verdict)
  if (found.slow) pass.tell(path, 'slow')
  tellState(pass, path, isOne, found)
}

const BECAME: Readonly<Record<CircuitState, string>> = {
  closed: 'closed',
  open: 'opened',
  halfOpen: 'half-opened',
}

/** The state of circuits by key would be as many series as there are keys. */
function tellState(
  pass: Pass,
  path: string,
  isOne: boolean,
  { state, changed }: { readonly state: CircuitState; readonly changed: boolean },
): void {
  if (changed) pass.tell(path, BECAME[state], state === 'open' ? 'warn' : 'info')
  if (isOne) pass.standsAt(path, state)
}

function verdictOf(
  { failures, ignored, path }: Circuit,
  error: StoredError,
  body: unknown,
  context: StepContext,
): Verdict {
  if (takes(ignored, error, body, context, path, 'ignored')) return 'ignored'
  return takes(failures, error, body, context, path, 'failures') ? 'failed' : 'done'
}

/** A message with a fallback takes it; another is tried again when the circuit may be tried. */
function circuitOpen({ path, whenOpen }: Circuit, { at, until, says }: Standing): LinkspanError {
  const afterMs = Math.max(0, until - at)
  return new LinkspanError('CIRCUIT_OPEN', `The message was not let through "${path}": ${says}.`, {
    retry: whenOpen === 'fallback' ? 'never' : { afterMs },
    details: { path, afterMs },
  })
}

function scopesOf(
  draft: Draft,
  scope: (inner: never) => unknown,
  fallback: GivenCircuit['fallback'],
  step: string,
): readonly NewScope[] {
  const inner = draft.scope(needFunction(scope, 'the steps of circuitBreaker()', step))
  const through = { name: DO, label: 'let through', draft: inner }
  if (fallback === undefined) return [through]
  const built = draft.scope(needFunction(fallback, 'fallback', step), { binds: ['error'] })
  return [through, { name: INSTEAD, label: 'instead', draft: built }]
}
