import { type LinkspanError, restoreError, type StoredError, storeError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import { actionFor, backoffMs, type ErrorAction, type ErrorPolicy } from '../../model/policy.ts'
import type { AttemptFailure, Executor, Program, StepResult } from '../../patterns/pattern.ts'
import { settled } from '../json.ts'
import type { Entry } from '../record.ts'
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
import { attempt, lastly } from './now-or-later.ts'
import type { RecordWalk } from './record-walk.ts'
import type { RunningPass } from './running-pass.ts'

type Passed = Extract<Entry, { t: 'passed' }>

/** What a step finds when it is come to. */
export interface Standing {
  readonly body: unknown
  readonly bound: Readonly<Record<string, unknown>>
  readonly error: unknown
}

/** The pass in which something failed. */
export interface FailingPass extends RunningPass {
  /** The place of the step that runs. */
  path: string
  readonly walk: RecordWalk
  readonly flow: { readonly policy: ErrorPolicy; readonly fallback: Program | null }
  readonly loaded: { readonly parent: unknown }
  readonly ports: {
    /** Whether the message runs now, and is not computed again to be looked at. */
    readonly live: boolean
    now(): number
    /** A number in [0, 1) for pauses. */
    chance(): number
    ignored(path: string): void
    /** Whether what was thrown leaves the pass without a policy being asked. */
    leaves(thrown: unknown): boolean
  }
  standing(): Standing
  goBackTo(standing: Standing): void
  startOver(): void
  /** Shows an error to the steps that follow. */
  showError(error: unknown): void
  errorOf(thrown: unknown): LinkspanError
  park(place: string, why: string): never
}

/** What is decided on the failures of a pass: to try again, to pass over, to do something else instead, or to fail for good. */
export class Decisions {
  readonly #pass: FailingPass
  /** What failed, while the step that watches it notes that. */
  #failing: Undecided | null = null
  readonly #leftBehind: unknown[] = []

  constructor(pass: FailingPass) {
    this.#pass = pass
  }

  /** How much was left behind so far for whoever decides on a failure. */
  get left(): number {
    return this.#leftBehind.length
  }

  leave(item: unknown): void {
    this.#leftBehind.push(item)
  }

  takeLeft(from: number): readonly unknown[] {
    return this.#leftBehind.splice(from)
  }

  /** What failed, for what is noted while the policies have yet to decide on it. */
  get failing(): Undecided | null {
    return this.#failing
  }

  /** Runs a program as a whole: the flow's policy and fallback decide on what its steps did not. */
  runWhole(program: Program): StepResult | Promise<StepResult> {
    const passed = this.#pass.walk.find('passed', '')
    if (passed) return this.#goOnWhole(() => this.#goOn(passed, this.#wholeFallback))
    return attempt(
      () => program.run(this.#pass),
      (thrown) => this.#goOnWhole(() => this.#decideWhole(thrown)),
    )
  }

  /** Runs a step whose failures are decided on there and then; a null policy is the flow's. */
  guard(
    place: string,
    run: Executor,
    policy: ErrorPolicy | null,
    fallback: Program | null,
  ): StepResult | Promise<StepResult> {
    const { left } = this
    const passed = this.#findPassed(place)
    if (passed) return this.#goOn(passed, fallback)
    const final = policy !== null || fallback !== null
    return attempt(
      () => run(this.#pass),
      (thrown) => this.#decide(place, thrown, policy ?? this.#pass.flow.policy, fallback, final, left),
    )
  }

  /** Runs steps, and what `rescue` answers in the place of those that failed for good. */
  rescue(
    place: string,
    run: Executor,
    rescue: (error: StoredError) => Executor | null,
    scope: string,
  ): StepResult | Promise<StepResult> {
    const pass = this.#pass
    const before = pass.standing()
    const { left } = this
    const passed = this.#findPassed(place)
    if (passed) return this.#rescued(passed, rescue, before, scope)
    return attempt(
      () => run(pass),
      (thrown) => {
        const { given } = this.failedForGood(thrown, pass.flow.policy)
        const error = storeError(given)
        // Asked again from the record, it finds the body and the names as they were before.
        pass.goBackTo(before)
        if (rescue(error) === null) throw new FinalFailure(given, isWatched(thrown) ? thrown.watchedAt : [])
        const at = pass.ports.now()
        const entry = { t: 'passed', p: place, by: 'rescue', at, e: error, ...this.#leftSince(left) } as const
        pass.walk.note(entry)
        return this.#rescued(entry, rescue, before, scope)
      },
    )
  }

  /** Runs steps, and tells `failed` of each failure before anything is decided on it; it may answer what to do instead. */
  watch(
    place: string,
    run: Executor,
    failed: (error: StoredError, how: AttemptFailure) => Promise<Executor | null>,
  ): StepResult | Promise<StepResult> {
    const pass = this.#pass
    const before = pass.standing()
    const undecided = this.undecidedAt(place)
    if (undecided !== null) throw this.#failedBefore(undecided, place)
    return attempt(
      () => run(pass),
      async (thrown) => {
        const failure = this.#failureOf(thrown)
        if (failure === null) throw thrown
        const { path } = pass
        this.#failing = undecidedFailure(failure.thrown, path)
        const instead = await failed(storeError(failure.error), failure.how)
        this.#failing = null
        pass.path = path
        if (instead === null) throw watched(failure.thrown, place)
        this.#decidedOn(failure.thrown)
        pass.goBackTo(before)
        return instead(pass)
      },
    )
  }

  /** A failure of which the engine died before the policies had decided on it; sent again, it is over. */
  undecidedAt(place: string): Undecided | null {
    if (!this.#pass.ports.live) return null
    const last = this.#pass.walk.entries.findLast(
      (entry) => entry.t === 'redelivered' || (entry.t === 'beside' && entry.p === place),
    )
    return last?.t === 'beside' ? (last.f ?? null) : null
  }

  /** What was thrown, when it is not to be tried again; else leaves the pass until it is. */
  failedForGood(
    thrown: unknown,
    policy: ErrorPolicy,
  ): { readonly given: LinkspanError; readonly action: ErrorAction } {
    if (isInterrupt(thrown) || this.#pass.ports.leaves(thrown)) throw thrown
    if (thrown instanceof FinalFailure)
      return { given: thrown.error, action: actionFor(policy, thrown.error) }
    const { error: given, failures } = this.#counted(thrown)
    const action = actionFor(policy, given)
    if (given.retry !== 'never' && failures < action.attempts) {
      this.#decidedOn(thrown)
      throw this.#tryLater(given, action, failures)
    }
    return { given, action }
  }

  #failedBefore({ e, at, final }: Undecided, place: string): FinalFailure | CountedFailure {
    this.#pass.path = at
    const error = restoreError(e)
    if (final) return new FinalFailure(error)
    return watched(new CountedFailure(error, at, this.#pass.walk.failuresAt(at)), place)
  }

  /** What failed, put on record where it was not; null for what left the pass without a failure. */
  #failureOf(thrown: unknown): {
    readonly error: LinkspanError
    readonly how: AttemptFailure
    readonly thrown: unknown
  } | null {
    if (isInterrupt(thrown)) {
      const how = failureBehind(thrown)
      return how && { ...how, thrown }
    }
    if (this.#pass.ports.leaves(thrown)) return null
    if (isWatched(thrown)) return { error: thrown.error, how: 'failed', thrown }
    const counted = this.#counted(thrown)
    return { error: counted.error, how: 'failed', thrown: counted }
  }

  #leftSince(from: number): { readonly l?: readonly Json[] } {
    if (from === this.left) return {}
    return { l: settled(this.#leftBehind.slice(from)) as readonly Json[] }
  }

  /** The steps that failed are not met again, so what they left is left here. */
  #findPassed(place: string): Passed | undefined {
    const passed = this.#pass.walk.find('passed', place)
    if (passed?.l !== undefined) this.#leftBehind.push(...passed.l)
    return passed
  }

  /** What the rescuer sees is what the step saw, and the error: how far the failed steps came is not on record. */
  #rescued(
    passed: Passed,
    rescue: (error: StoredError) => Executor | null,
    before: Standing,
    scope: string,
  ): StepResult | Promise<StepResult> {
    const pass: FailingPass = this.#pass
    pass.goBackTo(before)
    pass.walk.meetUpTo(scope)
    const run = rescue(passed.e)
    if (run === null) pass.park(passed.p, `it lets "${passed.p}" fail, which its record says was passed over`)
    pass.showError(passed.e)
    return lastly(
      () => run(pass),
      () => pass.showError(before.error),
    )
  }

  /** The flow's fallback takes the body that the flow accepts, which a child's is not: a child is a dead letter of its own. */
  get #wholeFallback(): Program | null {
    return this.#pass.loaded.parent === null ? this.#pass.flow.fallback : null
  }

  /** What the flow's fallback throws is tried again by the flow's policy too, and has no further fallback. */
  #goOnWhole(run: () => StepResult | Promise<StepResult>): StepResult | Promise<StepResult> {
    return attempt(run, (thrown) => {
      if (this.#wholeFallback === null || this.#pass.walk.find('passed', '') === undefined) throw thrown
      return this.#decide('', thrown, this.#pass.flow.policy, null, true)
    })
  }

  #decideWhole(thrown: unknown): StepResult | Promise<StepResult> {
    return this.#decide('', thrown, this.#pass.flow.policy, this.#wholeFallback, true)
  }

  #decide(
    place: string,
    thrown: unknown,
    policy: ErrorPolicy,
    fallback: Program | null,
    final: boolean,
    left: number = this.left,
  ): StepResult | Promise<StepResult> {
    const { ports } = this.#pass
    const { given, action } = this.failedForGood(thrown, policy)
    const stored = storeError(given)
    const passed = { t: 'passed', p: place, at: ports.now(), e: stored, ...this.#leftSince(left) } as const
    if (action.final === 'ignore' && !fallback) {
      if (place === '') return { kind: 'end', ending: 'dropped', reason: given.message }
      ports.ignored(place)
      return this.#passOver({ ...passed, by: 'ignore' }, null)
    }
    if (fallback) return this.#passOver({ ...passed, by: 'fallback' }, fallback)
    throw final && place !== '' ? new FinalFailure(given, isWatched(thrown) ? thrown.watchedAt : []) : given
  }

  #passOver(passed: Passed, fallback: Program | null): StepResult | Promise<StepResult> {
    this.#pass.walk.note(passed)
    return this.#goOn(passed, fallback)
  }

  #goOn(passed: Passed, fallback: Program | null): StepResult | Promise<StepResult> {
    const pass = this.#pass
    if (passed.by === 'ignore') {
      pass.walk.meetUpTo(passed.p)
      return undefined
    }
    if (passed.p === '') pass.startOver()
    pass.walk.meetUpTo(passed.p)
    pass.showError(passed.e)
    return fallback?.run(pass)
  }

  /** All steps that noted the failure may come to their steps again. */
  #decidedOn(thrown: unknown): void {
    const { walk } = this.#pass
    for (const place of isWatched(thrown) ? thrown.watchedAt : []) {
      const noted = walk.find('beside', place)
      if (noted?.f === undefined) continue
      const { says: _told, ...rest } = noted.v as { readonly says?: Json }
      walk.note({ t: 'beside', p: noted.p, at: noted.at, v: rest as Json })
    }
  }

  /** What was thrown, on record, and how often the step has failed. */
  #counted(thrown: unknown): CountedFailure {
    const pass = this.#pass
    if (thrown instanceof CountedFailure) {
      pass.path = thrown.path
      return thrown
    }
    const error = pass.errorOf(thrown)
    return new CountedFailure(error, pass.path, this.#failuresOf(error))
  }

  /** How often the step that runs has failed since the message was last sent again, this time included. */
  #failuresOf(error: LinkspanError): number {
    const { walk, path, ports } = this.#pass
    const last = walk.unsaved.at(-1)
    const onRecord = last !== undefined && isFailureAt(last, path)
    if (!onRecord) walk.note({ t: 'error', p: path, at: ports.now(), e: storeError(error) })
    return walk.failuresAt(path)
  }

  #tryLater(error: LinkspanError, action: ErrorAction, failures: number): Interrupt {
    const { ports, path } = this.#pass
    const pause = backoffMs(action.backoff, failures, ports.chance())
    const told = typeof error.retry === 'object' ? error.retry.afterMs : 0
    const wakeAt = ports.now() + Math.max(pause, told)
    return new Interrupt({
      kind: 'suspend',
      why: 'retry',
      wakeAt,
      hold: true,
      path,
      error: storeError(error),
    })
  }
}
