import {
  type ErrorCode,
  ensureError,
  LinkspanError,
  restoreError,
  type StoredError,
} from '../../model/errors.ts'
import { seededRandom } from '../../model/hashing.ts'
import type { Ending, Headers, Json } from '../../model/message.ts'
import type { CancelTimer } from '../../model/outside.ts'
import type { ErrorPolicy } from '../../model/policy.ts'
import { pathAt, renamedPlace } from '../../model/step-place.ts'
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
import { sameJson, settled } from '../json.ts'
import type { Loaded } from '../loaded.ts'
import type { Entry, Made } from '../record.ts'
import { Decisions, type FailingPass, type Standing } from './decisions.ts'
import { Interrupt } from './interrupt.ts'
import { Places } from './places.ts'
import { processPass } from './process-pass.ts'
import { RecordWalk } from './record-walk.ts'
import type { PassObserver } from './running-pass.ts'
import { Context } from './step-context.ts'

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

/** From one try to wake a message that another engine runs to the next. */
const WAKE_AGAIN_MS = 1_000

/** One pass of one message through its flow. */
export class MessagePass implements FailingPass {
  body: unknown
  readonly loaded: Loaded
  readonly flow: CompiledFlow
  readonly ports: PassPorts
  readonly context: Context
  /** What is on record, and how far the pass has come along it. */
  readonly walk: RecordWalk
  /** The texts of what is saved and joins the next commit; null when nothing waits for it. */
  openFrame: string[] | null = null
  /** The path of the step that runs. */
  path = ''
  /** Engine state was given to this pass and may not be durable yet. */
  uncommitted: Promise<void> | null = null
  /** Messages to be accepted with the next commit of this pass. */
  staged: (() => void)[] = []
  cancelled: string | null = null
  /** Whether its flow takes its body, as far as is known: not yet, before it was looked at. */
  isFit = false
  /** Whether it was a former pass that last looked for what this one is about to wait for. */
  private isOldNews = false
  private readonly places = new Places()
  private readonly decisions: Decisions
  private bound: Record<string, unknown> = {}
  /** How many random numbers the present step was given. */
  private draws = 0

  constructor(loaded: Loaded, flow: CompiledFlow, ports: PassPorts) {
    this.loaded = loaded
    this.flow = flow
    this.ports = ports
    this.body = loaded.body
    this.walk = new RecordWalk(loaded.entries)
    this.decisions = new Decisions(this)
    this.context = new Context(loaded, () => this.draw())
  }

  get observer(): PassObserver | null {
    return this.ports.observer
  }

  /** What is on record as of now. */
  get recorded(): readonly Entry[] {
    return this.walk.entries
  }

  /** What is on record of a place, and what concerns all; others may be among it. */
  recordedAt(place: string): readonly Entry[] {
    return this.walk.at(place)
  }

  /** Puts an entry on record; it is durable with the next commit of this message. */
  note(entry: Entry): void {
    this.walk.note(entry)
  }

  at(path: string): string {
    return this.places.at(path)
  }

  turn(
    path: string,
    turn: number,
    run: () => StepResult | Promise<StepResult>,
  ): StepResult | Promise<StepResult> {
    return this.places.inTurn(path, turn, run)
  }

  runAt(given: string): StepResult | Promise<StepResult> {
    const place = renamedPlace(given, this.flow.renamed) ?? given
    const program = this.flow.entries.get(pathAt(place))
    if (!program) this.park(place, `its record goes on with "${place}", which the flow no longer has`)
    return this.places.from(place, () => program.run(this))
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
      this.recorded.length === 0 && this.loaded.freshStarts === 0
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
    return this.walk.find('beside', this.at(path))?.v
  }

  noteBeside(path: string, value: Json): void {
    this.note(this.besideEntry(this.at(path), this.ports.now(), value))
  }

  isUndecided(path: string): boolean {
    return this.decisions.undecidedAt(this.at(path)) !== null
  }

  /** What is put on record of a result that is noted beside. */
  besideEntry(path: string, at: number, result: Json): Entry {
    const isUndecided = (result as { readonly undecided?: unknown } | null)?.undecided === true
    const failing = isUndecided ? this.decisions.failing : null
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
    return this.decisions.watch(this.at(step), run, failed)
  }

  giveUp(step: string): void {
    this.walk.giveUp(this.at(step))
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
    const spawned = this.walk.find('spawned', plan.path)
    if (spawned && this.ports.strict) return spawned.o
    const last = this.walk.find('spawn', plan.path)
    const made = last ? { count: last.n, all: last.end, until: last.until } : null
    const outcome = await this.ports.spawn(this, plan, made)
    if (this.ports.strict) this.note({ t: 'spawned', p: plan.path, o: outcome })
    return outcome
  }

  outputs(path: string): AsyncIterable<{ readonly index: number; readonly output: unknown }> {
    return this.ports.outputs(this, this.at(path))
  }

  private placed(plan: SpawnPlan): SpawnPlan {
    if (this.places.arePaths) return plan
    return { ...plan, path: this.at(plan.path), scopeOf: (index) => this.at(plan.scopeOf(index)) }
  }

  recall(step: string): { readonly value: Json } | undefined {
    const path = this.at(step)
    this.path = path
    const recorded = this.walk.find('value', path)
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
    if (this.walk.find('reply', path) && this.ports.strict) return
    const reply = (settled(value) ?? null) as Json
    if (this.ports.strict) this.note({ t: 'reply', p: path, r: reply })
    this.ports.reply(this, path, reply)
  }

  log(step: string, level: LogLevel, line: () => Readonly<Record<string, unknown>>): void {
    const path = this.at(step)
    if (this.walk.find('told', path)) return
    const told = line()
    this.note({ t: 'told', p: path })
    this.ports.log(this, path, level, told)
  }

  measured(step: string, ms: number): void {
    const path = this.at(step)
    if (this.walk.find('told', path)) return
    this.note({ t: 'told', p: path, ms })
    this.ports.attempt(path, 'done', ms)
  }

  pause(step: string, untilMs: number, hold: boolean, again?: 'again'): StepResult {
    const path = this.at(step)
    this.path = path
    this.visit(path)
    const last = this.walk.find('pause', path)
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
    const recorded = this.walk.find('pause', path)
    if (recorded && !this.ports.sleeps(this, path)) return undefined
    const until = recorded?.until ?? untilMs
    if (!recorded) this.note({ t: 'pause', p: path, until })
    // Of what a former pass saw before it died, it may have been woken since: that found nobody asleep.
    const wakeAt = !recorded && this.isOldNews ? this.ports.now() : until
    return { kind: 'suspend', path, wakeAt, hold, why: 'event' }
  }

  wake(step: string, sleeper: Sleeper): Promise<void> {
    // What is on record after it was committed after it. Two who have woken each other would do so again and again.
    if (this.walk.next !== undefined) return Promise.resolve()
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
    this.walk.meetUpTo(place)
    return processPass(this, step, place)
  }

  guard(
    step: string,
    run: Executor,
    policy: ErrorPolicy | null,
    fallback: Program | null,
  ): StepResult | Promise<StepResult> {
    return this.decisions.guard(this.at(step), run, policy, fallback)
  }

  rescue(
    step: string,
    run: Executor,
    rescue: (error: StoredError) => Executor | null,
    within: string = step,
  ): StepResult | Promise<StepResult> {
    return this.decisions.rescue(this.at(step), run, rescue, this.at(within))
  }

  get left(): number {
    return this.decisions.left
  }

  leave(item: unknown): void {
    this.decisions.leave(item)
  }

  takeLeft(from: number): readonly unknown[] {
    return this.decisions.takeLeft(from)
  }

  standing(): Standing {
    return { body: this.body, bound: { ...this.bound }, error: this.context['error'] }
  }

  goBackTo({ body, bound }: Standing): void {
    this.body = body
    for (const name of Object.keys(this.bound)) delete this.context[name]
    Object.assign(this.context, this.loaded.names, bound)
    this.bound = { ...bound }
  }

  /** The flow's fallback sees the accepted body and no names, so that it is the same when it is computed again. */
  startOver(): void {
    this.body = this.loaded.body
    for (const name of Object.keys(this.bound)) delete this.context[name]
    this.bound = {}
  }

  showError(error: unknown): void {
    this.context['error'] = error
  }

  /** Runs a program as a whole: the flow's policy and fallback decide on what its steps did not. */
  runWhole(program: Program): StepResult | Promise<StepResult> {
    return this.decisions.runWhole(program)
  }

  /** What was thrown, when it is not to be tried again; else leaves the pass until it is. */
  failedForGood(thrown: unknown, policy: ErrorPolicy): { readonly given: LinkspanError } {
    return this.decisions.failedForGood(thrown, policy)
  }

  /** Called when the pass came to an end: what is on record but was not met does not fit the flow. */
  checkAllMet(): void {
    const missed = this.walk.next
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
    return this.walk.find('staged', path) === undefined
  }

  /** Holds the flow against the record: recorded steps must be met in the order in which they were recorded. */
  private visit(path: string): void {
    if (this.cancelled !== null) throw new Interrupt({ kind: 'cancel', note: this.cancelled })
    const instead = this.walk.meet(path)
    if (instead !== null && this.ports.strict)
      this.park(path, `it comes to "${path}" where its record goes on with "${instead}"`)
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
