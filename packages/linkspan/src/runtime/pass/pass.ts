import {
  type ErrorCode,
  ensureError,
  LinkspanError,
  restoreError,
  type StoredError,
  storeError,
} from '../../model/errors.ts'
import { seededRandom } from '../../model/hashing.ts'
import type { Ending, Headers, Json } from '../../model/message.ts'
import type { CancelTimer } from '../../model/outside.ts'
import { actionFor, backoffMs, type ErrorAction, type ErrorPolicy } from '../../model/policy.ts'
import { isWithin, pathAt, renamedPlace, turnPlace, turnsAt } from '../../model/step-place.ts'
import type {
  AttemptFailure,
  CallRequest,
  CellChange,
  CellSeen,
  Executor,
  LogLevel,
  ProcessPass,
  Program,
  Sleeper,
  SpawnOutcome,
  SpawnPlan,
  StepContext,
  StepResult,
} from '../../patterns/pattern.ts'
import { type CallState, callState, UNTOUCHED } from '../calls/call-state.ts'
import type { CompiledFlow } from '../compile.ts'
import {
  CountedFailure,
  FinalFailure,
  failureBehind,
  isFailureAt,
  isWatched,
  type Undecided,
  undecidedFailure,
  watched,
} from './failures.ts'
import { Interrupt, isInterrupt } from './interrupt.ts'
import { sameJson, settled } from '../json.ts'
import type { Loaded } from '../loaded.ts'
import { processPass } from './process-pass.ts'
import { answers, type Entry, type Made } from '../record.ts'
import { RecordIndex } from './record-index.ts'
import type { PassObserver, RunningPass } from './running-pass.ts'

/** What a pass leaves to whoever runs it: the live engine, or a replay. */
export interface PassPorts {
  now(): number
  /** Resolves when all that can happen without anything from outside has happened. */
  quiet(): Promise<void>
  /** Calls back once after a time. Never, where a message is only looked at. */
  timer(afterMs: number, run: () => void): CancelTimer
  /** Whether the pass goes on past the record; false where a message is only looked at. */
  readonly goesOn: boolean
  /** Whether a time is over: never, for what is only computed again. */
  isPast(time: number): boolean
  /** A number in [0, 1) for pauses. */
  chance(): number
  /** Throws `TIME_LIMIT` for a message that is too old to begin with anything more. */
  inTime(pass: MessagePass): void
  /** Makes a call that the record has no outcome of, under its guarantee. */
  call(pass: MessagePass, request: CallRequest, input: unknown, state: CallState): Promise<unknown>
  /** A recorded call whose input is now another one. Throws, or answers what to go on with. */
  differs(pass: MessagePass, path: string, before: Json, after: unknown, result: unknown): unknown
  update<Result extends Json>(
    pass: MessagePass,
    path: string,
    scope: string,
    key: string,
    change: CellChange<Result>,
    /** Where the result is noted beside: what to answer where nothing can be changed, or null. */
    beside?: { readonly known: Result | null },
  ): Promise<Result>
  change<Result>(pass: MessagePass, scope: string, key: string, change: CellChange<Result>): Promise<Result>
  cells(pass: MessagePass, scope: string, after: string, limit: number): Promise<readonly CellSeen[]>
  endingOf(id: string): Promise<Ending | 'live' | null>
  spawn(pass: MessagePass, plan: SpawnPlan, made: Made | null): Promise<SpawnOutcome>
  outputs(
    pass: MessagePass,
    path: string,
  ): AsyncIterable<{ readonly index: number; readonly output: unknown }>
  detach(pass: MessagePass, path: string, scope: string, body: unknown): void
  publish(
    pass: MessagePass,
    path: string,
    channel: string,
    body: unknown,
    options: { readonly key: string | null; readonly headers: Headers },
  ): void
  reply(pass: MessagePass, path: string, value: Json): void
  /** Whether the message still sleeps where its record says that it began to. */
  sleeps(pass: MessagePass, path: string): boolean
  wake(pass: MessagePass, path: string, sleeper: Sleeper): Promise<void>
  /** Wakes a message of the partition of the one that runs; false when that has to be tried again. */
  wakeHere(pass: MessagePass, seq: number): Promise<boolean>
  ignored(path: string): void
  log(pass: MessagePass, path: string, level: LogLevel, line: Readonly<Record<string, unknown>>): void
  attempt(path: string, outcome: 'done' | 'failed' | 'unknown', ms: number): void
  told(path: string, event: string, level: LogLevel | null): void
  standsAt(path: string, state: string): void
  /** Whether what was thrown leaves the pass without a policy being asked. */
  leaves(thrown: unknown): boolean
  readonly observer: PassObserver | null
  /** Whether the message runs now, and is not computed again to be looked at. */
  readonly live: boolean
  /** Whether a record that does not fit the flow parks the message. */
  readonly strict: boolean
}

/** What a step finds when it is come to. */
interface Standing {
  readonly body: unknown
  readonly bound: Readonly<Record<string, unknown>>
  readonly error: unknown
}

/** A turn of a repeated scope: where the paths that begin with `within` are in the record. */
interface Turns {
  readonly within: string
  readonly place: string
  readonly outer: Turns | null
}

/** From one try to wake a message that another engine runs to the next. */
const WAKE_AGAIN_MS = 1_000

/** One pass of one message through its flow. */
export class MessagePass implements RunningPass {
  body: unknown
  readonly loaded: Loaded
  readonly flow: CompiledFlow
  readonly ports: PassPorts
  readonly context: Context
  /** What happened since the last commit of this message. */
  unsaved: Entry[] = []
  private readonly leftBehind: unknown[] = []
  /** The texts of what is saved and joins the next commit; null when nothing waits for it. */
  openFrame: string[] | null = null
  /** The path of the step that runs. */
  path = ''
  /** Engine state was given to this pass and may not be durable yet. */
  uncommitted: Promise<void> | null = null
  /** Messages to be accepted with the next commit of this pass. */
  staged: (() => void)[] = []
  cancelled: string | null = null
  /** Whether it was a former pass that last looked for what this one is about to wait for. */
  private isOldNews = false
  /** What is on record now, the unsaved included. */
  private readonly entries: Entry[]
  private readonly index: RecordIndex
  private order: readonly string[]
  private visited = 0
  /** What failed, while the step that watches it notes that. */
  private failing: Undecided | null = null
  /** The turns of the repeated scopes that the pass is in, the innermost first. */
  private turns: Turns | null = null
  private bound: Record<string, unknown> = {}
  /** How many random numbers the present step was given. */
  private draws = 0

  constructor(loaded: Loaded, flow: CompiledFlow, ports: PassPorts) {
    this.loaded = loaded
    this.flow = flow
    this.ports = ports
    this.body = loaded.body
    this.entries = loaded.entries.length === 0 ? [] : [...loaded.entries]
    this.index = new RecordIndex(this.entries)
    this.order = loaded.entries.length === 0 ? [] : orderOf(loaded.entries)
    this.context = new Context(loaded, () => this.draw())
  }

  get observer(): PassObserver | null {
    return this.ports.observer
  }

  /** What is on record as of now. */
  get recorded(): readonly Entry[] {
    return this.entries
  }

  /** What is on record of a place, and what concerns all; others may be among it. */
  recordedAt(place: string): readonly Entry[] {
    return this.index.at(place)
  }

  /** Puts an entry on record; it is durable with the next commit of this message. */
  note(entry: Entry): void {
    this.entries.push(entry)
    this.unsaved.push(entry)
  }

  /** Hands over what has to be committed. */
  takeUnsaved(): Entry[] {
    const taken = this.unsaved
    this.unsaved = []
    return taken
  }

  at(path: string): string {
    for (let scope = this.turns; scope !== null; scope = scope.outer)
      if (path.startsWith(scope.within)) return scope.place + path.slice(scope.within.length)
    return path
  }

  turn(
    path: string,
    turn: number,
    run: () => StepResult | Promise<StepResult>,
  ): StepResult | Promise<StepResult> {
    const outer = this.turns
    this.turns = { within: `${path}/`, place: `${turnPlace(this.at(path), turn)}/`, outer }
    return lastly(run, () => {
      this.turns = outer
    })
  }

  runAt(given: string): StepResult | Promise<StepResult> {
    const place = renamedPlace(given, this.flow.renamed) ?? given
    const program = this.flow.entries.get(pathAt(place))
    if (!program) this.park(place, `its record goes on with "${place}", which the flow no longer has`)
    const outer = this.turns
    this.turns = turnsAt(place).reduce<Turns | null>((around, turn) => ({ ...turn, outer: around }), null)
    return lastly(
      () => program.run(this),
      () => {
        this.turns = outer
      },
    )
  }

  isPast(time: number): boolean {
    return this.ports.isPast(time)
  }

  enter(path: string): StepContext {
    this.stand(this.at(path))
    return this.context
  }

  private stand(place: string): void {
    if (this.path === place) return
    this.path = place
    this.draws = 0
  }

  bind(name: string, value: unknown): void {
    this.context[name] = value
    this.bound[name] = value
  }

  /** Moves the message's own time on. */
  moveTo(at: number): void {
    if (at > this.context.now) this.context.now = at
  }

  private draw(): number {
    this.draws += 1
    return seededRandom(`${this.loaded.id}\u0000${this.path}`, this.draws)
  }

  /** The names bound so far, with those around. */
  names(): Record<string, unknown> {
    return { ...this.loaded.names, ...this.bound }
  }

  call(request: CallRequest): Promise<unknown> {
    try {
      return this.answer(request)
    } catch (thrown) {
      return Promise.reject(thrown)
    }
  }

  private answer(asked: CallRequest): Promise<unknown> {
    const path = this.at(asked.path)
    const request = path === asked.path ? asked : { ...asked, path }
    this.stand(path)
    this.visit(path)
    const input = settled(request.input)
    const state =
      this.entries.length === 0 && this.loaded.freshStarts === 0
        ? UNTOUCHED
        : callState(this.recordedAt(path), path, this.loaded.freshStarts)
    if (state.done === null) return this.ports.call(this, request, input, state)
    const { input: before, result, error } = state.done
    if (before !== undefined && !sameJson(before, input))
      return Promise.resolve(this.ports.differs(this, path, before, input, result))
    this.movedOn(path)
    return error === null ? Promise.resolve(result) : Promise.reject(restoreError(error))
  }

  async update<Result extends Json>(
    path: string,
    scope: string,
    key: string,
    change: CellChange<Result>,
    again?: 'again',
  ): Promise<Result> {
    const recorded = this.recall(path)
    this.isOldNews = recorded !== undefined && again === undefined
    if (recorded && again === undefined) return recorded.value as Result
    return this.ports.update(this, this.at(path), scope, key, change)
  }

  change<Result>(scope: string, key: string, change: CellChange<Result>): Promise<Result> {
    return this.ports.change(this, scope, key, change)
  }

  cells(scope: string, after: string, limit: number): Promise<readonly CellSeen[]> {
    return this.ports.cells(this, scope, after, limit)
  }

  noted(path: string): Json | undefined {
    return this.find('beside', this.at(path))?.v
  }

  noteBeside(path: string, value: Json): void {
    this.note(this.besideEntry(this.at(path), this.ports.now(), value))
  }

  isUndecided(path: string): boolean {
    return this.undecidedAt(this.at(path)) !== null
  }

  /** A failure of which the engine died before the policies had decided on it; sent again, it is over. */
  private undecidedAt(place: string): Undecided | null {
    if (!this.ports.live) return null
    const last = this.entries.findLast(
      (entry) => entry.t === 'redelivered' || (entry.t === 'beside' && entry.p === place),
    )
    return last?.t === 'beside' ? (last.f ?? null) : null
  }

  /** What is put on record of a result that is noted beside. */
  besideEntry(path: string, at: number, result: Json): Entry {
    const isUndecided = (result as { readonly undecided?: unknown } | null)?.undecided === true
    const failing = isUndecided ? this.failing : null
    return { t: 'beside', p: path, at, v: result, ...(failing === null ? {} : { f: failing }) }
  }

  updateBeside<Result extends Json>(
    step: string,
    scope: string,
    key: string,
    change: CellChange<Result>,
    known: Result | null,
  ): Promise<Result> {
    const path = this.at(step)
    this.stand(path)
    return this.ports.update(this, path, scope, key, change, { known })
  }

  pauseBeside(step: string, untilMs: number, hold: boolean): StepResult {
    const path = this.at(step)
    this.stand(path)
    if (untilMs <= this.ports.now()) return undefined
    return { kind: 'suspend', path, wakeAt: untilMs, hold, why: 'delay' }
  }

  sleepBeside(step: string, untilMs: number, hold: boolean, noted: 'now' | 'before'): StepResult {
    const path = this.at(step)
    this.stand(path)
    if (noted === 'before' && !this.ports.sleeps(this, path)) return undefined
    return { kind: 'suspend', path, wakeAt: untilMs, hold, why: 'event' }
  }

  watch(
    step: string,
    run: Executor,
    failed: (error: StoredError, how: AttemptFailure) => Promise<Executor | null>,
  ): StepResult | Promise<StepResult> {
    const place = this.at(step)
    const before = this.standing()
    const undecided = this.undecidedAt(place)
    if (undecided !== null) throw this.failedBefore(undecided, place)
    return attempt(
      () => run(this),
      async (thrown) => {
        const failure = this.failureOf(thrown)
        if (failure === null) throw thrown
        const { path } = this
        this.failing = undecidedFailure(failure.thrown, path)
        const instead = await failed(storeError(failure.error), failure.how)
        this.failing = null
        this.path = path
        if (instead === null) throw watched(failure.thrown, place)
        this.decidedOn(failure.thrown)
        this.goBackTo(before)
        return instead(this)
      },
    )
  }

  private failedBefore({ e, at, final }: Undecided, place: string): FinalFailure | CountedFailure {
    this.path = at
    const error = restoreError(e)
    if (final) return new FinalFailure(error)
    return watched(new CountedFailure(error, at, this.failuresOnRecord(at)), place)
  }

  /** What failed, put on record where it was not; null for what left the pass without a failure. */
  private failureOf(thrown: unknown): {
    readonly error: LinkspanError
    readonly how: AttemptFailure
    readonly thrown: unknown
  } | null {
    if (isInterrupt(thrown)) {
      const how = failureBehind(thrown)
      return how && { ...how, thrown }
    }
    if (this.ports.leaves(thrown)) return null
    if (isWatched(thrown)) return { error: thrown.error, how: 'failed', thrown }
    const counted = this.counted(thrown)
    return { error: counted.error, how: 'failed', thrown: counted }
  }

  giveUp(step: string): void {
    const path = this.at(step)
    this.order = this.order.filter((place, at) => at < this.visited || !isWithin(place, path))
  }

  tell(path: string, event: string, level: LogLevel | null = null): void {
    this.ports.told(this.at(path), event, level)
  }

  standsAt(path: string, state: string): void {
    this.ports.standsAt(this.at(path), state)
  }

  endingOf(id: string): Promise<Ending | 'live' | null> {
    return this.ports.endingOf(id)
  }

  async spawn(asked: SpawnPlan): Promise<SpawnOutcome> {
    const plan = this.placed(asked)
    this.stand(plan.path)
    this.visit(plan.path)
    const spawned = this.find('spawned', plan.path)
    if (spawned && this.ports.strict) return spawned.o
    const last = this.find('spawn', plan.path)
    const made = last ? { count: last.n, all: last.end, until: last.until } : null
    const outcome = await this.ports.spawn(this, plan, made)
    if (this.ports.strict) this.note({ t: 'spawned', p: plan.path, o: outcome })
    return outcome
  }

  outputs(path: string): AsyncIterable<{ readonly index: number; readonly output: unknown }> {
    return this.ports.outputs(this, this.at(path))
  }

  private placed(plan: SpawnPlan): SpawnPlan {
    if (this.turns === null) return plan
    return { ...plan, path: this.at(plan.path), scopeOf: (index) => this.at(plan.scopeOf(index)) }
  }

  recall(step: string): { readonly value: Json } | undefined {
    const path = this.at(step)
    this.path = path
    const recorded = this.find('value', path)
    this.visit(path)
    return recorded && { value: recorded.v }
  }

  record(path: string, value: Json): void {
    this.note({ t: 'value', p: this.at(path), v: value })
  }

  detach(step: string, scope: string, body: unknown): void {
    const path = this.at(step)
    if (this.once(path) || !this.ports.strict) this.ports.detach(this, path, this.at(scope), body)
  }

  publish(
    step: string,
    channel: string,
    body: unknown,
    options: { readonly key: string | null; readonly headers: Headers },
  ): void {
    const path = this.at(step)
    if (this.once(path) || !this.ports.strict) this.ports.publish(this, path, channel, body, options)
  }

  async reply(step: string, value: unknown): Promise<void> {
    const path = this.at(step)
    this.path = path
    this.visit(path)
    if (this.find('reply', path) && this.ports.strict) return
    const reply = (settled(value) ?? null) as Json
    if (this.ports.strict) this.note({ t: 'reply', p: path, r: reply })
    this.ports.reply(this, path, reply)
  }

  log(step: string, level: LogLevel, line: () => Readonly<Record<string, unknown>>): void {
    const path = this.at(step)
    if (this.find('told', path)) return
    const told = line()
    this.note({ t: 'told', p: path })
    this.ports.log(this, path, level, told)
  }

  measured(step: string, ms: number): void {
    const path = this.at(step)
    if (this.find('told', path)) return
    this.note({ t: 'told', p: path, ms })
    this.ports.attempt(path, 'done', ms)
  }

  pause(step: string, untilMs: number, hold: boolean, again?: 'again'): StepResult {
    const path = this.at(step)
    this.path = path
    this.visit(path)
    const last = this.find('pause', path)
    const recorded = again !== undefined && last?.until !== untilMs ? undefined : last
    const until = recorded?.until ?? untilMs
    if (!recorded) this.note({ t: 'pause', p: path, until })
    if (until <= this.ports.now()) {
      this.moveTo(until)
      return undefined
    }
    return { kind: 'suspend', path, wakeAt: until, hold, why: 'delay' }
  }

  get sleeper(): Sleeper {
    const { id, seq, flow, partition } = this.loaded
    return { id, seq, flow, partition }
  }

  sleep(step: string, untilMs: number, hold: boolean): StepResult {
    const path = this.at(step)
    this.path = path
    this.visit(path)
    const recorded = this.find('pause', path)
    if (recorded && !this.ports.sleeps(this, path)) return undefined
    const until = recorded?.until ?? untilMs
    if (!recorded) this.note({ t: 'pause', p: path, until })
    // Of what a former pass saw before it died, it may have been woken since: that found nobody asleep.
    const wakeAt = !recorded && this.isOldNews ? this.ports.now() : until
    return { kind: 'suspend', path, wakeAt, hold, why: 'event' }
  }

  wake(step: string, sleeper: Sleeper): Promise<void> {
    // What is on record after it was committed after it. Two who have woken each other would do so again and again.
    if (this.order[this.visited] !== undefined) return Promise.resolve()
    return this.ports.wake(this, this.at(step), sleeper)
  }

  async wakeParent(): Promise<StepResult> {
    const { parent } = this.loaded
    if (!parent || (await this.ports.wakeHere(this, parent.seq))) return undefined
    const wakeAt = this.ports.now() + WAKE_AGAIN_MS
    return { kind: 'suspend', path: this.path, wakeAt, hold: false, why: 'delay' }
  }

  process(step: string): ProcessPass {
    const place = this.at(step)
    if (this.cancelled !== null) throw new Interrupt({ kind: 'cancel', note: this.cancelled })
    this.meetUpTo(place)
    return processPass(this, step, place)
  }

  guard(
    step: string,
    run: Executor,
    policy: ErrorPolicy | null,
    fallback: Program | null,
  ): StepResult | Promise<StepResult> {
    const path = this.at(step)
    const { left } = this
    const passed = this.findPassed(path)
    if (passed) return this.goOn(passed, fallback)
    return attempt(
      () => run(this),
      (thrown) =>
        this.decide(
          path,
          thrown,
          policy ?? this.flow.policy,
          fallback,
          policy !== null || fallback !== null,
          left,
        ),
    )
  }

  rescue(
    step: string,
    run: Executor,
    rescue: (error: StoredError) => Executor | null,
    within: string = step,
  ): StepResult | Promise<StepResult> {
    const path = this.at(step)
    const scope = this.at(within)
    const before = this.standing()
    const { left } = this
    const passed = this.findPassed(path)
    if (passed) return this.rescued(passed, rescue, before, scope)
    return attempt(
      () => run(this),
      (thrown) => {
        const { given } = this.failedForGood(thrown, this.flow.policy)
        const error = storeError(given)
        // Asked again from the record, it finds the body and the names as they were before.
        this.goBackTo(before)
        if (rescue(error) === null) throw new FinalFailure(given, isWatched(thrown) ? thrown.watchedAt : [])
        const at = this.ports.now()
        const entry = { t: 'passed', p: path, by: 'rescue', at, e: error, ...this.leftSince(left) } as const
        this.note(entry)
        return this.rescued(entry, rescue, before, scope)
      },
    )
  }

  get left(): number {
    return this.leftBehind.length
  }

  leave(item: unknown): void {
    this.leftBehind.push(item)
  }

  takeLeft(from: number): readonly unknown[] {
    return this.leftBehind.splice(from)
  }

  private leftSince(from: number): { readonly l?: readonly Json[] } {
    if (from === this.left) return {}
    return { l: settled(this.leftBehind.slice(from)) as readonly Json[] }
  }

  /** The steps that failed are not met again, so what they left is left here. */
  private findPassed(path: string): Extract<Entry, { t: 'passed' }> | undefined {
    const passed = this.find('passed', path)
    if (passed?.l !== undefined) this.leftBehind.push(...passed.l)
    return passed
  }

  /** What the rescuer sees is what the step saw, and the error: how far the failed steps came is not on record. */
  private rescued(
    passed: Extract<Entry, { t: 'passed' }>,
    rescue: (error: StoredError) => Executor | null,
    before: Standing,
    scope: string,
  ): StepResult | Promise<StepResult> {
    this.goBackTo(before)
    this.meetUpTo(scope)
    const run = rescue(passed.e)
    if (run === null) this.park(passed.p, `it lets "${passed.p}" fail, which its record says was passed over`)
    this.context['error'] = passed.e
    return lastly(
      () => run(this),
      () => {
        this.context['error'] = before.error
      },
    )
  }

  private standing(): Standing {
    return { body: this.body, bound: { ...this.bound }, error: this.context['error'] }
  }

  private goBackTo({ body, bound }: Standing): void {
    this.body = body
    for (const name of Object.keys(this.bound)) delete this.context[name]
    Object.assign(this.context, this.loaded.names, bound)
    this.bound = { ...bound }
  }

  /** The flow's fallback takes the body that the flow accepts, which a child's is not: a child is a dead letter of its own. */
  private get wholeFallback(): Program | null {
    return this.loaded.parent === null ? this.flow.fallback : null
  }

  /** Runs a program as a whole: the flow's policy and fallback decide on what its steps did not. */
  runWhole(program: Program): StepResult | Promise<StepResult> {
    const passed = this.find('passed', '')
    if (passed) return this.goOnWhole(() => this.goOn(passed, this.wholeFallback))
    return attempt(
      () => program.run(this),
      (thrown) => this.goOnWhole(() => this.decideWhole(thrown)),
    )
  }

  /** What the flow's fallback throws is tried again by the flow's policy too, and has no further fallback. */
  private goOnWhole(run: () => StepResult | Promise<StepResult>): StepResult | Promise<StepResult> {
    return attempt(run, (thrown) => {
      if (this.wholeFallback === null || this.find('passed', '') === undefined) throw thrown
      return this.decide('', thrown, this.flow.policy, null, true)
    })
  }

  /** Called when the pass came to an end: what is on record but was not met does not fit the flow. */
  checkAllMet(): void {
    const missed = this.order[this.visited]
    if (missed !== undefined && this.ports.strict)
      this.park(missed, `its record has "${missed}", which the flow no longer comes to`)
  }

  /** What the step at a path threw, as an error that says whether to try again. */
  errorOf(thrown: unknown): LinkspanError {
    return ensureError(thrown, 'STEP_FAILED', { retry: 'never', details: { step: this.path } })
  }

  /** Moves the message's own time to when an answer was recorded. */
  movedOn(path: string): void {
    const at = this.recordedAt(path).findLast((entry) => entry.t === 'done' && entry.p === path) as
      | { at: number }
      | undefined
    if (at) this.moveTo(at.at)
  }

  private once(path: string): boolean {
    this.path = path
    this.visit(path)
    return this.find('staged', path) === undefined
  }

  private decideWhole(thrown: unknown): StepResult | Promise<StepResult> {
    return this.decide('', thrown, this.flow.policy, this.wholeFallback, true)
  }

  private decide(
    at: string,
    thrown: unknown,
    policy: ErrorPolicy,
    fallback: Program | null,
    final: boolean,
    left: number = this.left,
  ): StepResult | Promise<StepResult> {
    const { given, action } = this.failedForGood(thrown, policy)
    const stored = storeError(given)
    const passed = { t: 'passed', p: at, at: this.ports.now(), e: stored, ...this.leftSince(left) } as const
    if (action.final === 'ignore' && !fallback) {
      if (at === '') return { kind: 'end', ending: 'dropped', reason: given.message }
      this.ports.ignored(at)
      return this.passOver({ ...passed, by: 'ignore' }, null)
    }
    if (fallback) return this.passOver({ ...passed, by: 'fallback' }, fallback)
    throw final && at !== '' ? new FinalFailure(given, isWatched(thrown) ? thrown.watchedAt : []) : given
  }

  /** What was thrown, when it is not to be tried again; else leaves the pass until it is. */
  failedForGood(
    thrown: unknown,
    policy: ErrorPolicy,
  ): { readonly given: LinkspanError; readonly action: ErrorAction } {
    if (isInterrupt(thrown) || this.ports.leaves(thrown)) throw thrown
    if (thrown instanceof FinalFailure)
      return { given: thrown.error, action: actionFor(policy, thrown.error) }
    const { error: given, failures } = this.counted(thrown)
    const action = actionFor(policy, given)
    if (given.retry !== 'never' && failures < action.attempts) {
      this.decidedOn(thrown)
      throw this.tryLater(given, action, failures)
    }
    return { given, action }
  }

  /** All steps that noted the failure may come to their steps again. */
  private decidedOn(thrown: unknown): void {
    for (const place of isWatched(thrown) ? thrown.watchedAt : []) {
      const noted = this.find('beside', place)
      if (noted?.f === undefined) continue
      const { says: _told, ...rest } = noted.v as { readonly says?: Json }
      this.note({ t: 'beside', p: noted.p, at: noted.at, v: rest as Json })
    }
  }

  /** What was thrown, on record, and how often the step has failed. */
  private counted(thrown: unknown): CountedFailure {
    if (thrown instanceof CountedFailure) {
      this.path = thrown.path
      return thrown
    }
    const error = this.errorOf(thrown)
    return new CountedFailure(error, this.path, this.failuresAt(this.path, error))
  }

  private passOver(
    entry: Extract<Entry, { t: 'passed' }>,
    fallback: Program | null,
  ): StepResult | Promise<StepResult> {
    this.note(entry)
    return this.goOn(entry, fallback)
  }

  private goOn(
    passed: Extract<Entry, { t: 'passed' }>,
    fallback: Program | null,
  ): StepResult | Promise<StepResult> {
    if (passed.by === 'ignore') {
      this.meetUpTo(passed.p)
      return undefined
    }
    if (passed.p === '') this.startOver()
    this.meetUpTo(passed.p)
    this.context['error'] = passed.e
    return fallback?.run(this)
  }

  /** The flow's fallback sees the accepted body and no names, so that it is the same when it is computed again. */
  private startOver(): void {
    this.body = this.loaded.body
    for (const name of Object.keys(this.bound)) delete this.context[name]
    this.bound = {}
  }

  /** A failed step was met when it was run before; the order goes on behind what it left on record. */
  private meetUpTo(path: string): void {
    while (this.visited < this.order.length && isWithin(this.order[this.visited] as string, path))
      this.visited += 1
  }

  private tryLater(error: LinkspanError, action: ErrorAction, failures: number): Interrupt {
    const pause = backoffMs(action.backoff, failures, this.ports.chance())
    const told = typeof error.retry === 'object' ? error.retry.afterMs : 0
    const wakeAt = this.ports.now() + Math.max(pause, told)
    return new Interrupt({
      kind: 'suspend',
      why: 'retry',
      wakeAt,
      hold: true,
      path: this.path,
      error: storeError(error),
    })
  }

  /** How often the step has failed since the message was last sent again, this time included. */
  private failuresAt(path: string, error: LinkspanError): number {
    const last = this.unsaved.at(-1)
    const onRecord = last !== undefined && isFailureAt(last, path)
    if (!onRecord) this.note({ t: 'error', p: path, at: this.ports.now(), e: storeError(error) })
    return this.failuresOnRecord(path)
  }

  private failuresOnRecord(path: string): number {
    const since = this.entries.findLastIndex((entry) => entry.t === 'redelivered') + 1
    return this.entries.slice(since).filter((entry) => isFailureAt(entry, path)).length
  }

  private find<T extends Entry['t']>(type: T, path: string): Extract<Entry, { t: T }> | undefined {
    if (this.entries.length === 0) return undefined
    return this.recordedAt(path).findLast(
      (entry) => entry.t === type && (entry as { p?: string }).p === path,
    ) as Extract<Entry, { t: T }> | undefined
  }

  /** Holds the flow against the record: recorded steps must be met in the order in which they were recorded. */
  private visit(path: string): void {
    if (this.cancelled !== null) throw new Interrupt({ kind: 'cancel', note: this.cancelled })
    const expected = this.order[this.visited]
    if (expected === undefined) return
    if (expected === path) {
      this.visited += 1
      return
    }
    if (!this.ports.strict) return
    if (!this.order.includes(path) || this.order.indexOf(path) > this.visited)
      this.park(path, `it comes to "${path}" where its record goes on with "${expected}"`)
  }

  /** The message does not fit its flow any more. */
  park(path: string, why: string): never {
    const message = `The flow "${this.flow.name}" changed while this message was under way: ${why}. Redeliver it afresh, drop it, or bring the former flow back.`
    this.parkAs('MESSAGE_STATE', path, message)
  }

  /** The function of a process does not do what its record says: another one now, or not the same each time. */
  stray(path: string, what: string): never {
    const { name, codeVersion } = this.flow
    if (this.loaded.codeVersion !== codeVersion) this.park(path, what)
    this.parkAs(
      'PROCESS_STRAYED',
      path,
      `The process "${path}" of the flow "${name}" is run again from its record and does not do the same again: ${what}. Something it decides by is not the same each time: ask ctx for the time (ctx.now), for chance (ctx.random(), ctx.uuid()) and for all that is outside. Mend the function and redeliver the message to go on, or redeliver it afresh.`,
    )
  }

  private parkAs(code: ErrorCode, path: string, message: string): never {
    const error = new LinkspanError(code, message, {
      details: { step: path, codeVersion: this.loaded.codeVersion },
    })
    throw new Interrupt({ kind: 'park', path, error })
  }
}

/**
 * What step functions see of the message; the names bound so far are properties beside its own, so it has none but
 * those that are reserved.
 */
class Context implements StepContext {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly headers: Headers
  readonly acceptedAt: number
  readonly index: number | null
  now: number
  readonly #draw: () => number;
  [name: string]: unknown

  constructor(loaded: Loaded, draw: () => number) {
    this.id = loaded.id
    this.flow = loaded.flow
    this.key = loaded.key
    this.headers = loaded.headers
    this.acceptedAt = loaded.acceptedAt
    this.now = loaded.acceptedAt
    this.index = loaded.parent?.index ?? null
    this.#draw = draw
    Object.assign(this, loaded.names)
  }

  random(): number {
    return this.#draw()
  }
}

/** Paths of recorded answers in the order in which they were first given. */
function orderOf(entries: readonly Entry[]): string[] {
  return [...new Set(entries.filter(answers).map((entry) => entry.p))]
}

/** Runs now or later, and lets `failed` decide on what was thrown either way. */
function attempt(
  run: () => StepResult | Promise<StepResult>,
  failed: (thrown: unknown) => StepResult | Promise<StepResult>,
): StepResult | Promise<StepResult> {
  try {
    const result = run()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (thrown) {
    return failed(thrown)
  }
}

/** Runs now or later, and does something when that is over, either way. */
function lastly(
  run: () => StepResult | Promise<StepResult>,
  over: () => void,
): StepResult | Promise<StepResult> {
  let result: StepResult | Promise<StepResult>
  try {
    result = run()
  } catch (thrown) {
    over()
    throw thrown
  }
  if (result instanceof Promise) return result.finally(over)
  over()
  return result
}

/** An error as kept, for a stop that has one. */
export type MaybeError = StoredError | null
