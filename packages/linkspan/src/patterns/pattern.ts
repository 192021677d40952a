import type { StoredError } from '../model/errors.ts'
import type { StepCode, StepNode } from '../model/flow-definition.ts'
import type { Guarantee } from '../model/guarantee.ts'
import type { Ending, Headers, Json } from '../model/message.ts'
import type { ErrorAction, ErrorPolicy } from '../model/policy.ts'

/**
 * What every step function gets beside the body. Names bound by `as` are here too.
 * All of it is the same whenever the message is computed again.
 */
export interface StepContext {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly headers: Headers
  /** When the message was accepted, milliseconds since 1970. */
  readonly acceptedAt: number
  /**
   * The message's own time, milliseconds since 1970: when it was accepted, or when the last effect or wait before
   * this step ended. It does not move while steps are recomputed.
   */
  readonly now: number
  /** A number in [0, 1), the same each time this step is computed for this message. */
  random(): number
  /** The child's place among its siblings, inside a split. */
  readonly index: number | null
}

/** Names that `as` may not take, since the context has them. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'id',
  'flow',
  'key',
  'headers',
  'acceptedAt',
  'now',
  'random',
  'index',
  'error',
])

/** Ends the pass: with an ending, or by suspending until a time. */
export type Stop =
  | {
      readonly kind: 'end'
      readonly ending: Extract<Ending, 'done' | 'filtered' | 'dropped'>
      readonly reason: string
    }
  | {
      readonly kind: 'suspend'
      readonly path: string
      readonly wakeAt: number
      readonly hold: boolean
      /** What it waits for: a time, or a message that wakes it before that. */
      readonly why: 'delay' | 'event'
    }

/** What a step answers: nothing to go on to the next, or a stop. */
export type StepResult = Stop | undefined

/** A step ready to run. Pure ones answer at once, others may answer later. */
export type Executor = (pass: Pass) => StepResult | Promise<StepResult>

/** An outgoing call as a pattern asks for it. */
export interface CallRequest {
  readonly path: string
  readonly operation: RunnableOperation
  readonly input: unknown
  readonly timeoutMs: number | null
  /** What an unknown outcome becomes for guarantee `none`. */
  readonly onUnknown: 'inDoubt' | 'atLeastOnce'
  /** Whether the steps after it use the result; if not, a call that took effect is done whatever it answered. */
  readonly usesResult: boolean
}

/** The part of an operation that the runtime uses; what `connect/` declares fits it. */
export interface RunnableOperation {
  readonly connection: { readonly name: string }
  readonly name: string
  readonly guarantee: Guarantee
}

/**
 * A change of a cell of engine state, decided from its present value. `value` null removes it. `at` is the engine's
 * time, milliseconds since 1970, which may be long after the message's own. A change that has to look at other messages
 * answers later; other changes of the cell wait for it.
 */
export type CellChange<Result> = (
  present: Json | null,
  at: number,
) => CellChanged<Result> | Promise<CellChanged<Result>>

/** What a change of a cell came to. */
export interface CellChanged<Result> {
  readonly value?: Json | null
  readonly until?: number | null
  readonly result: Result
  /**
   * Cells that are put with the change of this one or not at all. Only beside a `value`, and under keys of their own: nothing
   * else changes them as long as this cell may.
   */
  readonly along?: readonly CellAlong[]
}

/** A cell that is put with the change of another one. */
export interface CellAlong {
  readonly scope: string
  readonly key: string
  readonly value: Json
  readonly until: number | null
}

/** A cell as it was found. */
export interface CellSeen {
  readonly key: string
  readonly value: Json
}

/** How much a line of the log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where a message that waits to be woken is found: plain data, to be kept in a cell of engine state. */
export interface Sleeper {
  readonly id: string
  readonly seq: number
  readonly flow: string
  readonly partition: number
}

/** The `until` of a sleep without a limit: the last moment that a date can be. */
export const NEVER_MS = 8_640_000_000_000_000

/**
 * How an attempt of steps failed: for good as far as they know, so that the policies around them are asked next
 * (`failed`); a policy of their own tries again (`retries`); or what became of a call has to be found out first, or
 * said by a person, so that they must be come to again (`settles`).
 */
export type AttemptFailure = 'failed' | 'retries' | 'settles'

/** Children to be made by a step. */
export interface SpawnPlan {
  readonly path: string
  /** The scope that each child runs, as {@link CompileTools.entry} named it, for a child's index. */
  readonly scopeOf: (index: number) => string
  /**
   * The bodies, the first one first; called again after a restart, so it must give the same ones. Asynchronous where they are
   * read from the journal and not made by the flow's code.
   */
  readonly bodies: () => Iterable<unknown> | AsyncIterable<unknown>
  /** Whether the children's last bodies are kept for a join. */
  readonly keepOutputs: boolean
  /** The most children that run at once; null leaves it to the flow's concurrency. */
  readonly concurrency: number | null
  /** Whether the first failed child stops the making of more and fails the parent. */
  readonly stopOnError: boolean
  /**
   * How long after the first of them are made the children have; null: as long as they take. Then no more are made, and
   * those that have not ended begin with nothing more and are dropped.
   */
  readonly timeoutMs: number | null
}

/** How the children of a step ended. */
export interface SpawnOutcome {
  readonly count: number
  /** Their time was over before all had come to their end. */
  readonly timedOut?: true
  readonly endings: Readonly<Partial<Record<Ending, number>>>
}

/**
 * One pass of one message through its flow, as patterns see it. Whatever it answers that is not a function of the
 * message alone is recorded under the step's path and answered from the record when the pass is computed again.
 */
export interface Pass {
  /** The body as of this step; a step changes it by assignment. */
  body: unknown
  readonly context: StepContext
  /** Prepares `context` for a step's functions: {@link StepContext.now} and `random` belong to the path. */
  enter(path: string): StepContext
  /** Binds a value to a name for the steps that follow. */
  bind(name: string, value: unknown): void
  /** Makes the call under its guarantee and answers its result. Throws what the policy of the step decides on. */
  call(request: CallRequest): Promise<unknown>
  /**
   * Reads and changes a cell of engine state, once: the change and the result are committed together. With `again` it
   * is done once more, and from then on that result is the one on record.
   */
  update<Result extends Json>(
    path: string,
    scope: string,
    key: string,
    change: CellChange<Result>,
    again?: 'again',
  ): Promise<Result>
  /**
   * Changes a cell of engine state without a record: for changes that come to the same when they are made again, as they are
   * when the pass is computed again before it is recorded that they are made.
   */
  change<Result>(scope: string, key: string, change: CellChange<Result>): Promise<Result>
  /** Cells of a scope behind a key, in the order of their keys, as of the changes made so far. Not on record. */
  cells(scope: string, after: string, limit: number): Promise<readonly CellSeen[]>
  /**
   * What was last noted beside the order of the steps at a path. It is for a step that comes to the same steps again after
   * they failed: what is recorded by `update` and `pause` must be met in its order when the pass is computed again, what
   * is noted beside need not.
   */
  noted(path: string): Json | undefined
  /**
   * Reads and changes a cell of engine state as `update` does, each time it is called; the result is noted beside the order of
   * the steps. `known` is answered where nothing can be changed, as in a trace; null: the message has not come further.
   */
  updateBeside<Result extends Json>(
    path: string,
    scope: string,
    key: string,
    change: CellChange<Result>,
    known: Result | null,
  ): Promise<Result>
  /** Notes a value beside the order of the steps; committed with the next commit of this pass. */
  noteBeside(path: string, value: Json): void
  /**
   * Whether what was noted last says `undecided: true` of a failure, and the engine died before the policies had decided on it:
   * {@link watch} then fails with it at once, so that it is decided as it would have been.
   */
  isUndecided(path: string): boolean
  /** Suspends until a time that the step has noted itself; undefined when it is over. */
  pauseBeside(path: string, untilMs: number, hold: boolean): StepResult
  /**
   * Suspends until the message is woken or until a time, as its step has noted itself. Asked `before` it was noted in this pass, it
   * answers undefined where the message has been woken or its time has come; then the step looks again.
   */
  sleepBeside(path: string, untilMs: number, hold: boolean, noted: 'now' | 'before'): StepResult
  /**
   * Runs something, and tells of each attempt that fails before the policies around decide on it. `failed` may note that
   * beside at the path (with `undecided: true` where the policies are next), and answers null to leave it to them, or what
   * runs in its stead at once, with the body and the names as they were before. What is on record of the steps stays theirs
   * when they are run again.
   */
  watch(
    path: string,
    run: Executor,
    failed: (error: StoredError, how: AttemptFailure) => Promise<Executor | null>,
  ): StepResult | Promise<StepResult>
  /** Takes what is on record below a path for an attempt that was given up: it need not be met. */
  giveUp(path: string): void
  /** Counts in the metrics what a step has done beside its work; with a level it is logged too. */
  tell(path: string, event: string, level?: LogLevel): void
  /** Tells the metrics in which state a step is, as of now. */
  standsAt(path: string, state: string): void
  /** How another message ended, `live` when it has not, or null when it is not known (any more). For a change of a cell. */
  endingOf(id: string): Promise<Ending | 'live' | null>
  /** Makes children, waits until all have ended, and answers how. The worker is free meanwhile, the key is held. */
  spawn(plan: SpawnPlan): Promise<SpawnOutcome>
  /** The kept outputs of children that are done, in the order of their index. */
  outputs(path: string): AsyncIterable<{ readonly index: number; readonly output: unknown }>
  /** A result of a step that was recorded before, if any. */
  recall(path: string): { readonly value: Json } | undefined
  /** Records the result of a step; committed with the next commit of this pass. */
  record(path: string, value: Json): void
  /** Makes a child that nobody waits for; committed with the next commit of this pass, once. */
  detach(path: string, scope: string, body: unknown): void
  /** Puts a message on a channel; committed with the next commit of this pass, once. */
  publish(
    path: string,
    channel: string,
    body: unknown,
    options: { readonly key: string | null; readonly headers: Headers },
  ): void
  /** Records the reply and, once it is committed, tells the caller. */
  reply(path: string, value: unknown): Promise<void>
  /** Writes a line to the engine's log, once; `line` is asked only then. */
  log(path: string, level: LogLevel, line: () => Readonly<Record<string, unknown>>): void
  /** Tells the metrics, once, that a step came to its end after so many milliseconds of the message's own time. */
  measured(path: string, ms: number): void
  /**
   * Suspends until a time, once: answers undefined when that time has been waited for. The first time asked for counts;
   * with `again` each other time is waited for too.
   */
  pause(path: string, untilMs: number, hold: boolean, again?: 'again'): StepResult
  /** Moves {@link StepContext.now} on to a time that is on record; it never goes back. */
  moveTo(at: number): void
  /** Where this message is found by who is to wake it. */
  readonly sleeper: Sleeper
  /**
   * Suspends until the message is woken or until a time ({@link NEVER_MS}: no limit); answers undefined when it goes on. It
   * may go on without either, so the step looks again at what it waits for, and sleeps again under another path.
   * Whoever wakes it must find {@link sleeper} in a cell that was changed before the sleep.
   */
  sleep(path: string, untilMs: number, hold: boolean): StepResult
  /**
   * Wakes a message that sleeps, or is about to, here or on another engine. Nothing if it has ended. Durable no later than
   * what this pass does next; done again when the pass is computed again before that.
   */
  wake(path: string, sleeper: Sleeper): Promise<void>
  /**
   * Runs the scopes of the step at a path as one of several turns, from 1 up: what their steps put on record is kept
   * apart by turn, and so are the keys of their calls.
   */
  turn(
    path: string,
    turn: number,
    run: () => StepResult | Promise<StepResult>,
  ): StepResult | Promise<StepResult>
  /** Where a path is on record, in the turns that the pass is in now. */
  at(path: string): string
  /**
   * Runs a scope that {@link CompileTools.entry} named, at a place where {@link at} said that it is: in the turns of then, whatever
   * turns the pass is in now.
   */
  runAt(place: string): StepResult | Promise<StepResult>
  /** Whether a time is over by the engine's clock. Not on record: for deciding on what goes on record at once. */
  isPast(time: number): boolean
  /**
   * Runs something whose failure for good, after what the policies try again, need not be the message's. `rescue`
   * answers what runs in its stead, with the body and the names as they were before and `context.error`, or null to let
   * it fail. It is asked again when the pass is computed again, and must then answer the same. What suspends the message,
   * or leaves it in doubt, is no failure. Several of one step need paths of their own; `within` is where the steps lie that
   * it runs. @default its path
   */
  rescue(
    path: string,
    run: Executor,
    rescue: (error: StoredError) => Executor | null,
    within?: string,
  ): StepResult | Promise<StepResult>
  /** How much has been left so far. */
  readonly left: number
  /**
   * Leaves something for the steps around, as a saga does with what it did for the saga that it is in. It outlives a failure of
   * the steps that left it: where something goes on in their stead, it is on record.
   */
  leave(item: unknown): void
  /** Takes what was left since there was so much. */
  takeLeft(from: number): readonly unknown[]
  /** Begins a step that does several things: what is on record below its path is met, in whatever order. */
  process(path: string): ProcessPass
}

/** What came of one of several things that a step does: an outcome, a time to come back at, or what leaves the pass. */
export type Outcome =
  | { readonly kind: 'answer'; readonly value: unknown }
  | { readonly kind: 'failure'; readonly error: StoredError }
  | { readonly kind: 'later'; readonly wakeAt: number; readonly thrown: unknown }
  | { readonly kind: 'leaves'; readonly thrown: unknown }

/** Something that is on record of a step that does several things. */
export interface Noted {
  readonly place: string
  /** It was begun, it has an outcome (with `value`, when the step itself put it there), or something was put out. */
  readonly what: 'begun' | 'outcome' | 'value' | 'staged'
  readonly value?: Json
}

/**
 * A pass as a step sees it that does several things, which may be under way at once and need not be met in the order in
 * which they are on record. Each has a path of its own below the step's. Whoever changes a cell must have nothing else
 * under way meanwhile.
 */
export interface ProcessPass {
  /** Whether this pass goes on past the record; false where a message is only looked at. */
  readonly goesOn: boolean
  /** Whether what does not fit the record must not be passed over. */
  readonly strict: boolean
  /** What is on record below the step, in the order in which it came there. */
  readonly noted: readonly Noted[]
  /** Where a path below the step is in the record. */
  placeOf(path: string): string
  /** When the outcome of a place came, and where it stands among all that is on record. */
  outcomeAt(place: string): { readonly at: number | null; readonly order: () => number }
  /** What the step last put on record at a place, if anything. */
  valueAt(place: string): Json | undefined
  /** The engine's time, milliseconds since 1970. */
  now(): number
  /** Resolves when all that can happen without anything from outside has happened. */
  quiet(): Promise<void>
  /** Calls back once at a time, unless ended before. */
  timer(untilMs: number, run: () => void): () => void
  /**
   * Makes a call of several. A failure for good, by the policy or by the flow's, is on record before it is answered. One
   * that is to be tried again is answered with its time, also when it is asked for before that.
   */
  outcome(path: string, policy: ErrorPolicy | null, run: () => Promise<unknown>): Promise<Outcome>
  /** Keeps the time at which a call is to be tried again, as the message comes back before that. */
  keepTime(path: string, wakeAt: number): void
  /** Until when something sleeps: the first time asked for counts, and is on record. */
  sleep(path: string, untilMs: number): number
  /** Whether the time has come until which something sleeps. If so, that is on record from then on. */
  isOver(path: string, untilMs: number): boolean
  /** Tells whoever watches the pass of one of the things that it does; the answer tells how that ended. */
  watch(path: string, kind: string, input: unknown): (outcome: 'done' | 'failed', output: unknown) => void
  /** Parks the message, as the step does not do what its record says. */
  stray(what: string): never
}

/** A sequence of steps ready to run. */
export interface Program {
  run(pass: Pass): StepResult | Promise<StepResult>
}

/** What a pattern uses to make its executor. */
export interface CompileTools {
  /** The path of the step. */
  readonly path: string
  /** The steps of an inner scope, to be run within the same pass. */
  program(scope: string): Program
  /** Makes an inner scope a program of children, and answers the name under which it is found. */
  entry(scope: string): string
  /** What of a step below is code. */
  codeOf(path: string): StepCode
}

/** What kind of step it is: recomputed, with engine state, touching the outside, or holding other steps. */
export type StepClass = 'pure' | 'stateful' | 'effect' | 'scope'

/** A new step as a builder method describes it. */
export interface NewStep {
  readonly kind: string
  /** Undefined for an unnamed pure step. */
  readonly name: string | undefined
  readonly options?: Readonly<Record<string, Json>>
  readonly code?: StepCode
  readonly operation?: {
    readonly connection: { readonly name: string }
    readonly name: string
    readonly guarantee: Guarantee
  }
  readonly scopes?: readonly NewScope[]
  readonly common?: FailureOptions | undefined
  /** The names that the step binds for those after it. */
  readonly binds?: readonly string[]
  /** Names that its functions would not find, as their context has something else by them. None may be bound before it. */
  readonly hides?: readonly string[]
  /**
   * True when the step keeps engine state. Its option `scope`, where none is given, is then set to the flow's and the
   * step's oldest names, so that a renamed step finds its state.
   */
  readonly keepsState?: boolean
  /** True when the step makes no sense for a child, as it speaks for the message that was accepted. */
  readonly notInChildren?: boolean
  /** True when the step says something of the flow as a whole, and may stand in no scope. */
  readonly onlyOutermost?: boolean
}

/** An inner scope of a new step. */
export interface NewScope {
  readonly name: string
  readonly label: string
  readonly draft: Draft
}

/** Options that every named step takes. */
export interface CommonOptions {
  /** Earlier names of this step, the oldest first: its records are found under them too. */
  readonly renamedFrom?: string | readonly string[]
}

/** Options of steps that can fail for reasons outside. */
export interface FailureOptions extends CommonOptions {
  /** What to do when it fails, before the flow's own policy is asked. */
  readonly onError?: ErrorAction | ErrorPolicy
}

/** A flow or scope under construction; each addition makes a new one. */
export interface Draft {
  add(step: NewStep): Draft
  /** Runs a scope function on an empty inner builder and answers what it built. */
  scope(build: (inner: never) => unknown, options?: ScopeOptions): Draft
  /** Sets a part of the flow itself. Only outside scopes, and once. */
  set(part: 'fallback', value: Draft): Draft
}

/** What kind of scope it is. */
export interface ScopeOptions {
  /** True when its steps are run by children, as messages of their own. */
  readonly children?: boolean
  /** Names that its steps find bound beside those bound before. */
  readonly binds?: readonly string[]
  /** True when its steps find none of the names that were bound before. */
  readonly alone?: boolean
}

/**
 * The scope that the flow's own fallback branch is: its steps' paths begin with it, and no outer step may be called so.
 * The scope of a step's own fallback is called `fallback` under the step's path.
 */
export const FLOW_FALLBACK = 'onError'

/**
 * A pattern: how its node is built, and how it runs. Its methods' types are declared beside it by merging into
 * {@link Steps}. To add one, write its file and put it in the list in `index.ts`.
 */
export interface Pattern {
  readonly kind: string
  readonly stepClass: StepClass
  /** One sentence, for `linkspan doc` and the diagram's legend. */
  readonly summary: string
  /** True when its steps may go without a name; they are then called by their kind and a number. */
  readonly mayBeUnnamed?: boolean
  /** Builder methods: each describes the step to be added from the arguments given. */
  readonly methods: Readonly<Record<string, (draft: Draft, ...args: never[]) => Draft>>
  compile(node: StepNode, code: StepCode, tools: CompileTools): Executor
  /**
   * How its scopes are drawn: run by children beside it, as branches of which one is taken, as what the step consists of,
   * or (`uses`) each step by itself, as the step comes to them in an order of its own.
   * Without it they lie beside it and lead back (a call's fallback).
   */
  readonly drawn?: 'children' | 'branches' | 'within' | 'uses'
  /** Whether a message can go on right from the step, not only through its scopes. Without it, it can. */
  goesOn?(node: StepNode): boolean
  /**
   * Whether a message that ends so sends off a child down the step's scope, whose name is empty. Of the outermost steps of a
   * flow only, wherever they stand.
   */
  endsWith?(node: StepNode, ending: Ending): boolean
  /** The step in few words, for the diagram. Without it, its kind. */
  detail?(node: StepNode): string
  /**
   * Puts the last body of the step's scope `fallback`, which is `pass.body`, where the step's result would have gone.
   * The runtime calls it after that scope has run; `before` is the body that the step was given.
   * Without it the fallback's last body is the body.
   */
  afterFallback?(node: StepNode, pass: Pass, before: unknown): void
}
