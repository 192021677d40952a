import type { Entry } from '../record.ts'

/** Shorter records are gone through faster than they are sorted. */
const SHORT = 32

/** What is on a record by place, so that a long one is not gone through for each step. The record may grow meanwhile. */
export class RecordIndex {
  readonly #entries: readonly Entry[]
  readonly #places = new Map<string, number[]>()
  /** Where the message was sent again, which concerns every place. */
  readonly #sentAgain: number[] = []
  #known = 0

  constructor(entries: readonly Entry[]) {
    this.#entries = entries
  }

  /** All entries of a place and those that say that the message was sent again, in their order; others may be among them. */
  at(place: string): readonly Entry[] {
    if (this.#entries.length <= SHORT) return this.#entries
    this.#read()
    const own = this.#places.get(place) ?? []
    const all = this.#sentAgain.length === 0 ? own : [...own, ...this.#sentAgain].toSorted((a, b) => a - b)
    return all.map((index) => this.#entries[index] as Entry)
  }

  #read(): void {
    for (; this.#known < this.#entries.length; this.#known += 1) {
      const entry = this.#entries[this.#known] as Entry
      if (entry.t === 'redelivered') this.#sentAgain.push(this.#known)
      if (!('p' in entry)) continue
      const own = this.#places.get(entry.p)
      if (own) own.push(this.#known)
      else this.#places.set(entry.p, [this.#known])
    }
  }
}
