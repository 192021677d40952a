import { isWithin } from '../../model/step-place.ts'
import { answers, type Entry } from '../record.ts'
import { isFailureAt } from './failures.ts'
import { RecordIndex } from './record-index.ts'

/** What is on record of a message, and how far its pass has come along it: what is recorded is met in its order. */
export class RecordWalk {
  /** What happened since the last commit of the message. */
  unsaved: Entry[] = []
  readonly #entries: Entry[]
  readonly #index: RecordIndex
  /** Paths of recorded answers in the order in which they were first given. */
  #order: readonly string[]
  #met = 0

  constructor(entries: readonly Entry[]) {
    this.#entries = entries.length === 0 ? [] : [...entries]
    this.#index = new RecordIndex(this.#entries)
    this.#order = entries.length === 0 ? [] : orderOf(entries)
  }

  /** What is on record as of now, the unsaved included. */
  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** The place of the next answer that is on record and was not met; undefined past the end of the record. */
  get next(): string | undefined {
    return this.#order[this.#met]
  }

  /** What is on record of a place, and what concerns all; others may be among it. */
  at(place: string): readonly Entry[] {
    return this.#index.at(place)
  }

  /** Puts an entry on record; it is durable with the next commit of the message. */
  note(entry: Entry): void {
    this.#entries.push(entry)
    this.unsaved.push(entry)
  }

  /** Hands over what has to be committed. */
  takeUnsaved(): Entry[] {
    const taken = this.unsaved
    this.unsaved = []
    return taken
  }

  /** The last entry of a kind at a place. */
  find<T extends Entry['t']>(type: T, place: string): Extract<Entry, { t: T }> | undefined {
    if (this.#entries.length === 0) return undefined
    return this.at(place).findLast((entry) => entry.t === type && (entry as { p?: string }).p === place) as
      | Extract<Entry, { t: T }>
      | undefined
  }

  /** How often the step at a place has failed since the message was last sent again. */
  failuresAt(place: string): number {
    const since = this.#entries.findLastIndex((entry) => entry.t === 'redelivered') + 1
    return this.#entries.slice(since).filter((entry) => isFailureAt(entry, place)).length
  }

  /** The pass comes to a place. Answers what the record has in its stead, or null where it goes with the record. */
  meet(place: string): string | null {
    const expected = this.next
    if (expected === undefined) return null
    if (expected === place) {
      this.#met += 1
      return null
    }
    const at = this.#order.indexOf(place)
    return at < 0 || at > this.#met ? expected : null
  }

  /** A failed step was met when it was run before; the order goes on behind what it left on record. */
  meetUpTo(place: string): void {
    while (this.#met < this.#order.length && isWithin(this.#order[this.#met] as string, place)) this.#met += 1
  }

  /** What is on record of a step and was not met is not to be met any more. */
  giveUp(place: string): void {
    this.#order = this.#order.filter((each, at) => at < this.#met || !isWithin(each, place))
  }
}

function orderOf(entries: readonly Entry[]): string[] {
  return [...new Set(entries.filter(answers).map((entry) => entry.p))]
}
