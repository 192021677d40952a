/** A sequence by Camel's rules, and by Linkspan's where those differ. */
import type { Case, Outcome, Seen, Sent, Step } from '../case.ts'
import { runSteps } from './steps.ts'

/** A rule that can be Camel's or Linkspan's. */
export type OrderRule =
  | 'resequencer-each-waits-its-time'
  | 'resequencer-place-taken-twice'
  | 'resequencer-last-place-again'
  | 'resequencer-late-passes-at-once'

interface Waiting {
  readonly sent: Sent
  readonly place: number
  /** When its time is over; null without a timer. */
  due: number | null
  readonly came: number
  /** Whether another one waited in its place when it came. */
  readonly twin: boolean
}

/** Answers what goes on when, with those of Linkspan's rules that are named. */
export function orderOfMessages(one: Case, rules: ReadonlySet<string>): Outcome | null {
  const [step, ...behind] = one.steps
  if (step?.do !== 'resequence' || step.batch !== undefined) return null
  return new Sequence(step, behind, one, rules).run()
}

class Sequence {
  readonly #step: Extract<Step, { do: 'resequence' }>
  readonly #behind: readonly Step[]
  readonly #one: Case
  readonly #rules: ReadonlySet<string>
  readonly #seen: Seen[] = []
  readonly #failed = new Set<Sent>()
  #waiting: Waiting[] = []
  #last: number | null = null
  #came = 0

  constructor(
    step: Extract<Step, { do: 'resequence' }>,
    behind: readonly Step[],
    one: Case,
    rules: ReadonlySet<string>,
  ) {
    this.#step = step
    this.#behind = behind
    this.#one = one
    this.#rules = rules
  }

  run(): Outcome {
    for (const sent of this.#one.messages) {
      this.#passTime(sent.at)
      this.#come(sent)
      this.#deliver(sent.at)
    }
    this.#passTime(this.#one.ticks)
    const ends = this.#one.messages.map((sent) => (this.#failed.has(sent) ? 'failed' : 'ended'))
    return { seen: this.#seen, ends }
  }

  #is(rule: OrderRule): boolean {
    return this.#rules.has(rule)
  }

  #passTime(until: number): void {
    for (;;) {
      const due = Math.min(...this.#waiting.map((each) => each.due ?? Number.POSITIVE_INFINITY))
      if (due > until) return
      const over = this.#waiting.filter((each) => each.due === due)
      for (const each of over) each.due = null
      if (this.#is('resequencer-each-waits-its-time')) this.#giveUp(over)
      this.#deliver(due)
    }
  }

  /** Who is not behind one whose time is over need not wait for it. */
  #giveUp(over: readonly Waiting[]): void {
    const highest = Math.max(...over.map(({ place }) => place))
    for (const each of this.#waiting) if (each.place <= highest) each.due = null
  }

  #come(sent: Sent): void {
    const { n: place } = sent.body
    if (this.#isLate(place)) {
      if (this.#step.late === 'fail') this.#failed.add(sent)
      else if (this.#is('resequencer-late-passes-at-once')) this.#goOn(sent, sent.at)
      else this.#wait(sent, place)
      return
    }
    this.#wait(sent, place)
  }

  #isLate(place: number): boolean {
    if (this.#last === null) return false
    return place < this.#last || (place === this.#last && this.#is('resequencer-last-place-again'))
  }

  #wait(sent: Sent, place: number): void {
    const { timeout } = this.#step
    const taken = this.#waiting.some((each) => each.place === place)
    const twice = this.#is('resequencer-place-taken-twice')
    if (taken && !twice) {
      this.#cancel(place + 1)
      return
    }
    const each = this.#is('resequencer-each-waits-its-time')
    if (!each) this.#cancel(place + 1)
    const isNext = this.#last !== null && place === this.#last + 1
    const behindOne = this.#waiting.some((other) => other.place === place - 1)
    const needsTimer = each ? !isNext : !isNext && !behindOne
    this.#came += 1
    this.#waiting.push({
      sent,
      place,
      due: needsTimer ? sent.at + timeout : null,
      came: this.#came,
      twin: taken,
    })
    this.#waiting.sort((a, b) => a.place - b.place || a.came - b.came)
  }

  #cancel(place: number): void {
    for (const each of this.#waiting) if (each.place === place) each.due = null
  }

  #deliver(now: number): void {
    for (;;) {
      const [first] = this.#waiting
      if (first === undefined || !this.#mayGo(first)) return
      this.#waiting.shift()
      if (first.twin && first.place === this.#last) this.#lateNow(first, now)
      else {
        this.#last = first.place
        this.#goOn(first.sent, now)
      }
    }
  }

  #mayGo({ place, due, twin }: Waiting): boolean {
    if (due === null) return true
    if (!this.#is('resequencer-each-waits-its-time') || this.#last === null) return false
    return place === this.#last + 1 || (twin && place === this.#last)
  }

  #lateNow({ sent }: Waiting, now: number): void {
    if (this.#step.late === 'fail') this.#failed.add(sent)
    else this.#goOn(sent, now)
  }

  #goOn({ body }: Sent, now: number): void {
    const tick = Math.floor(now)
    runSteps(this.#behind, { ...body }, (seen) => this.#seen.push({ ...seen, tick }))
  }
}
