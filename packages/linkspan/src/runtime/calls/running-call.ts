import type { CallContext, SystemLimits } from '../../connect/connector.ts'
import { hashHex } from '../../model/hashing.ts'
import { type Attempt, textOf } from './attempt.ts'

/** What an operation is told of a call; what it does not ask for is not made. */
export class RunningCall implements CallContext {
  readonly timeoutMs: number
  readonly attempt: number
  /** Whether its operation was told that it may not send. */
  withheld = false
  /** Whether it waits for a request that takes it along. */
  unsent = false
  readonly #of: Attempt
  readonly #mayNow: () => boolean
  #controller: AbortController | null = null
  #listener: ((reason: unknown) => void) | null = null
  #aborted: { readonly reason: unknown } | null = null

  constructor(of: Attempt, mayNow: () => boolean) {
    this.#of = of
    this.#mayNow = mayNow
    this.timeoutMs = of.timeoutMs
    this.attempt = of.state.failures + 1
  }

  get messageId(): string {
    return this.#of.pass.loaded.id
  }

  get mark(): string {
    const { calledAs, id } = this.#of.pass.loaded
    return markOf(calledAs ?? id, this.#of.request.path, this.#of.state.generation)
  }

  get firstMadeAt(): number | null {
    return this.#of.state.open?.first ?? null
  }

  get traceparent(): string {
    const { loaded } = this.#of.pass
    return loaded.headers['traceparent'] ?? traceparentOf(loaded.id)
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#aborted) this.#controller.abort(this.#aborted.reason)
    return this.#controller.signal
  }

  onAbort(run: (reason: unknown) => void): () => void {
    if (this.#aborted) run(this.#aborted.reason)
    else this.#listener = run
    return () => {
      this.#listener = null
    }
  }

  maySend(): boolean {
    const may = this.#mayNow()
    this.withheld ||= !may
    return may
  }

  jsonText(value: unknown): string | undefined {
    return value === this.#of.input && value !== undefined ? textOf(this.#of) : JSON.stringify(value)
  }

  limits(said: SystemLimits): void {
    this.#of.purse?.learn(said)
  }

  abort(reason: unknown): void {
    this.#aborted = { reason }
    this.#listener?.(reason)
    this.#controller?.abort(reason)
  }
}

/** The mark of a call: the same as long as its outcome is unknown, another one after a definitive failure. */
export function markOf(messageId: string, path: string, generation: number): string {
  const end = messageId.indexOf('~')
  const root = end < 0 ? messageId : messageId.slice(0, end)
  const within = end < 0 ? '' : messageId.slice(end)
  return `${root}.${hashHex(`${within}\n${path}\n${generation}`, 3)}`
}

/** A trace context for a message that came without one (W3C Trace Context, version 00). */
export function traceparentOf(messageId: string): string {
  // The end of an accepted message's id is its token; a child's is not its own.
  const own = messageId.includes('~') ? hashHex(messageId, 2) : messageId.slice(-16).padStart(16, '0')
  const digits = Buffer.from(own, 'latin1').toString('hex')
  return `00-${digits}-${digits.slice(-16)}-01`
}
