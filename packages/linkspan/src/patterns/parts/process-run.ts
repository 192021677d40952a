import { LinkspanError } from '../../model/errors.ts'
import { turnPlace } from '../../model/step-place.ts'
import type { Noted, Pass, ProcessPass, StepResult } from '../pattern.ts'
import type { Ask, Found } from './asks.ts'

/** How a process is left: it has ended with what its function answered, or the pass is. */
export type Left =
  | { readonly kind: 'ended'; readonly result: unknown }
  | { readonly kind: 'stop'; readonly stop: StepResult }

type State = 'asked' | 'underWay' | 'found' | 'waiting' | 'over'

interface Asked {
  readonly ask: Ask
  readonly place: string
  state: State
  found: Found | null
  /** Waits are looked at once in a pass. */
  looked: boolean
  resolve(value: unknown): void
  reject(error: unknown): void
  seen(outcome: 'done' | 'failed', output: unknown): void
}

/** What a process is run with. */
export interface ProcessPlan {
  readonly path: string
  /** How often its function may ask. */
  readonly most: number
  readonly hold: boolean
}

type Ended =
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly thrown: unknown }

/**
 * Runs the function of a process from its record. Each thing that it asks for is answered when nothing else is going
 * on in it, one after the other: what is on record first, in the order in which it came there, then what comes. So the
 * function does the same each time it is run, also with `Promise.all` and `Promise.race`, as long as it asks for all
 * that is not a function of what it knows. Nothing new is begun before all that is on record was asked for again.
 */
export class ProcessRun {
  /** The process's own time: when the last thing that it was told of came to be. */
  now: number
  readonly #pass: Pass
  readonly #process: ProcessPass
  readonly #plan: ProcessPlan
  /** All that the function asked for, by place. */
  readonly #asked = new Map<string, Asked>()
  /** What of it the function was not told of yet. */
  readonly #open = new Set<Asked>()
  readonly #put = new Set<string>()
  readonly #occurrences = new Map<string, number>()
  /** The paths of what failed, by the errors that the function was told. */
  readonly #failures = new WeakMap<object, string>()
  #count = 0
  #ended: Ended | null = null
  #fatal: LinkspanError | null = null
  #leaving: { readonly thrown: unknown } | null = null
  #stir: () => void = () => undefined

  constructor(pass: Pass, process: ProcessPass, plan: ProcessPlan) {
    this.#pass = pass
    this.#process = process
    this.#plan = plan
    this.now = pass.enter(plan.path).now
  }

  /** The path of the next occurrence of a name. */
  next(name: string): string {
    const { path, most } = this.#plan
    if (this.#count >= most) throw this.fatal(endless(path, most))
    this.#count += 1
    const occurrence = (this.#occurrences.get(name) ?? 0) + 1
    this.#occurrences.set(name, occurrence)
    return `${turnPlace(path, occurrence)}/${name}`
  }

  /** Fails the process with an error, whatever its function does about it. */
  fatal(error: LinkspanError): LinkspanError {
    this.#fatal ??= error
    this.#leaving ??= { thrown: this.#fatal }
    return this.#fatal
  }

  /** What an ask answers: nothing ever after a fatal error, as a function that catches all would ask again for ever. */
  answerOf(ask: () => Promise<unknown>): Promise<unknown> {
    const promise = ask()
    // A call that nobody awaits, or that lost a race, may fail: its failure is on record, and no reason to end the engine.
    promise.catch(() => undefined)
    return this.#fatal === null ? promise : new Promise(() => undefined)
  }

  /** Takes note that something was put out at a path. */
  put(path: string): void {
    this.#put.add(this.#process.placeOf(path))
  }

  /** Asks for something; it is found out when the function goes no further without it. */
  ask(ask: Ask, input: unknown): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const seen = this.#process.watch(ask.path, ask.kind, input)
    const place = this.#process.placeOf(ask.path)
    const asked: Asked = { ask, place, state: 'asked', found: null, looked: false, resolve, reject, seen }
    this.#asked.set(place, asked)
    this.#open.add(asked)
    return promise
  }

  /** Runs the function until it has ended, or until it waits for what has not come yet. */
  async run(body: () => unknown): Promise<Left> {
    void this.#start(body)
    await this.#process.quiet()
    await this.#tellRecorded()
    for (;;) {
      const left = await this.#goOn()
      if (left !== null) return left
    }
  }

  async #start(body: () => unknown): Promise<void> {
    try {
      this.#ended = { kind: 'answered', value: await body() }
    } catch (thrown) {
      this.#ended = { kind: 'threw', thrown }
    }
  }

  /** Answers what is on record, in its order, and holds the function against it. */
  async #tellRecorded(): Promise<void> {
    const { noted, strict } = this.#process
    const left = [...noted]
    for (let from = 0; from < left.length && this.#fatal === null; ) {
      const next = this.#firstMet(left, from)
      if (next !== from && strict) this.#stray(left[from] as Noted)
      if (next < 0) return
      const each = left[next] as Noted
      if (next === from) from += 1
      else left.splice(next, 1)
      if (this.#isMet(each)) continue
      const asked = this.#asked.get(each.place) as Asked
      asked.found = await asked.ask.find()
      if (asked.found.kind === 'leaves') throw asked.found.thrown
      await this.#tell(asked)
    }
  }

  /** Where the first thing stands, from a place on, that the function has asked for; -1 for none. */
  #firstMet(noted: readonly Noted[], from: number): number {
    for (let at = from; at < noted.length; at += 1) {
      const each = noted[at] as Noted
      if (this.#isMet(each) || this.#isAnswerable(each)) return at
    }
    return -1
  }

  /** What was begun, or put out, must have been asked for again by then. */
  #isMet(noted: Noted): boolean {
    const { place, what } = noted
    if (what === 'staged') return this.#put.has(place)
    const asked = this.#asked.get(place)
    return asked !== undefined && (what === 'begun' || !asked.ask.ends(noted) || asked.state === 'over')
  }

  #isAnswerable({ place }: Noted): boolean {
    return this.#asked.get(place)?.state === 'asked'
  }

  #stray(missing: Noted): never {
    const known = new Set(this.#process.noted.map(({ place }) => place))
    const asks = [...this.#asked.keys(), ...this.#put].filter((place) => !known.has(place))
    const ends = this.#ended === null ? 'it waits for something else' : 'it ends'
    const instead = asks.length > 0 ? `it comes to "${asks.join('", "')}"` : ends
    return this.#process.stray(`${instead} where its record goes on with "${missing.place}"`)
  }

  /** One step past the record: begins what was asked for, tells what came, waits for what is under way, or leaves. */
  async #goOn(): Promise<Left | null> {
    await this.#look()
    this.#begin()
    const found = this.#firstFound() ?? this.#awakened()
    if (found) {
      await this.#tell(found)
      return null
    }
    if (this.#some('underWay')) {
      await this.#something()
      await this.#process.quiet()
      return null
    }
    if (this.#leaving) throw this.#leaving.thrown
    return this.#leave()
  }

  /** Looks for events; of several waits for one, the last that was asked for does. */
  async #look(): Promise<void> {
    // A change of a cell takes its place on record as it is made: nothing else may come there meanwhile.
    if (this.#leaving || this.#ended || this.#some('underWay')) return
    for (const asked of this.#lookers()) {
      if (asked.looked) continue
      asked.looked = true
      await this.#find(asked)
    }
  }

  /** Those that look: the last of each event and key, and then those whose time is up. */
  #lookers(): readonly Asked[] {
    const last = new Map<string, Asked>()
    const late: Asked[] = []
    for (const asked of this.#open) {
      const { kind, group, untilMs } = asked.ask
      if (kind !== 'waitFor' || asked.state === 'found') continue
      asked.state = 'waiting'
      asked.found ??= { kind: 'waits', until: untilMs }
      last.set(group, asked)
      if (untilMs <= this.#process.now()) late.push(asked)
    }
    return [...last.values(), ...late].filter(({ looked }) => !looked)
  }

  #begin(): void {
    if (this.#leaving) return
    for (const asked of this.#open) {
      const { kind } = asked.ask
      if (asked.state !== 'asked' || kind === 'waitFor') continue
      if (kind === 'call' || this.#ended === null) void this.#find(asked)
    }
  }

  async #find(asked: Asked): Promise<void> {
    asked.state = 'underWay'
    try {
      const found = asked.ask.find()
      asked.found = found instanceof Promise ? await found : found
    } catch (thrown) {
      asked.found = { kind: 'leaves', thrown }
    }
    const { kind } = asked.found
    asked.state = kind === 'answer' || kind === 'failure' ? 'found' : 'waiting'
    if (asked.found.kind === 'leaves') this.#leaving ??= { thrown: asked.found.thrown }
    this.#stir()
  }

  /** Of what was found, what came on record first. */
  #firstFound(): Asked | undefined {
    const found = [...this.#open].filter(({ state }) => state === 'found')
    const order = ({ place }: Asked): number => this.#process.outcomeAt(place).order()
    return found.length > 1 ? found.toSorted((a, b) => order(a) - order(b))[0] : found[0]
  }

  /** The first of the sleeps whose time has come. */
  #awakened(): Asked | undefined {
    if (this.#ended !== null || this.#leaving) return undefined
    const [first] = this.#waiting('sleep')
    if (!first || !this.#process.isOver(first.asked.ask.path, first.until)) return undefined
    first.asked.found = { kind: 'answer', value: undefined, at: first.until }
    return first.asked
  }

  /** What is waited for of a kind, by when it is to be looked at again. */
  #waiting(kind: Ask['kind']): readonly { readonly asked: Asked; readonly until: number }[] {
    const waiting = [...this.#open].flatMap((asked) => {
      const { ask, state, found } = asked
      const waits = ask.kind === kind && state === 'waiting' && found !== null && 'until' in found
      return waits ? [{ asked, until: found.until }] : []
    })
    return waiting.toSorted((a, b) => a.until - b.until)
  }

  #some(state: State): boolean {
    return this.#open.values().some((asked) => asked.state === state)
  }

  /** Resolves when something that is under way is over, or a sleep is. */
  async #something(): Promise<void> {
    // Nothing more is told once it leaves: a sleep whose time has come would be over again and again.
    const isOpen = this.#ended === null && this.#leaving === null
    const [first] = isOpen ? this.#waiting('sleep') : []
    await new Promise<void>((resolve) => {
      const cancel = first ? this.#process.timer(first.until, resolve) : () => undefined
      this.#stir = () => {
        cancel()
        resolve()
      }
    })
  }

  async #tell(asked: Asked): Promise<void> {
    const { found } = asked
    asked.state = 'over'
    this.#open.delete(asked)
    if (found?.kind !== 'answer' && found?.kind !== 'failure') return
    if (found.at !== null) this.now = Math.max(this.now, found.at)
    if (found.kind === 'answer') {
      asked.seen('done', found.value)
      asked.resolve(found.value)
    } else {
      this.#failures.set(found.error, asked.ask.path)
      asked.seen('failed', null)
      asked.reject(found.error)
    }
    await this.#process.quiet()
  }

  /** Nothing goes on any more in this pass. */
  #leave(): Left {
    const later = this.#waiting('call')
    const waits = this.#ended === null ? [...this.#waiting('sleep'), ...this.#waiting('waitFor')] : []
    if (later.length > 0 || waits.length > 0) return this.#suspend(later, waits)
    if (this.#ended === null) throw waitsForNothing(this.#plan.path)
    if (this.#ended.kind === 'answered') return { kind: 'ended', result: this.#ended.value }
    const { thrown } = this.#ended
    this.#pass.enter(this.#failures.get(thrown as object) ?? this.#plan.path)
    throw thrown
  }

  #suspend(
    later: readonly { readonly asked: Asked; readonly until: number }[],
    waits: readonly { readonly asked: Asked; readonly until: number }[],
  ): Left {
    const [retry] = later
    const wakeAt = Math.min(...waits.map(({ until }) => until))
    if (retry && retry.until <= wakeAt && retry.asked.found?.kind === 'later') throw retry.asked.found.thrown
    for (const { asked, until } of later) this.#process.keepTime(asked.ask.path, until)
    const why = waits.some(({ asked }) => asked.ask.kind === 'waitFor') ? 'event' : 'delay'
    const hold = this.#plan.hold || later.length > 0
    return { kind: 'stop', stop: { kind: 'suspend', path: this.#plan.path, wakeAt, hold, why } }
  }
}

function waitsForNothing(path: string): LinkspanError {
  return new LinkspanError(
    'STEP_ASYNC',
    `The process "${path}" waits for something that it did not ask ctx for, as a fetch() or a timer of its own. That would be done again each time the process goes on. Make it an operation, declare that under "uses" and call it by ctx.call(); for time use ctx.sleep().`,
    { details: { path } },
  )
}

function endless(path: string, most: number): LinkspanError {
  return new LinkspanError(
    'PROCESS_ENDLESS',
    `The process "${path}" has asked ${most} times and is taken for endless: all that it asks for stays on its record, and is gone through again whenever it goes on. Raise "most" if it has to ask more often, or let it end and go on in a message of its own.`,
    { details: { path, most } },
  )
}
