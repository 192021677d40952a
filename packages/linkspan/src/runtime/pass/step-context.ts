import type { Headers } from '../../model/message.ts'
import type { StepContext } from '../../patterns/pattern.ts'
import type { Loaded } from '../loaded.ts'

/**
 * What step functions see of the message; the names bound so far are properties beside its own, so it has none but
 * those that are reserved.
 */
export class Context implements StepContext {
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
