import { isDeepStrictEqual } from 'node:util'
import type { StoredMessage } from '../../journal/journal.ts'
import { type ErrorCode, ensureError } from '../../model/errors.ts'
import type { Accepted, SendOptions } from '../../runtime/engine-api.ts'
import { bodyOf } from '../../runtime/loaded.ts'
import type { Life } from '../test-world.ts'
import type { VirtualClock } from '../virtual-clock.ts'
import type { DeliveryFault } from './boundaries.ts'

/** One message as the scenario hands it in. `n` counts from 1. */
export interface Delivery {
  readonly n: number
  readonly flow: string
  readonly body: unknown
  readonly options: SendOptions
}

/** What became of a delivery. */
export interface Delivered extends Delivery {
  /** True for the second of a delivery that was made twice. */
  readonly copy: boolean
  readonly accepted: Accepted | null
  readonly refused: ErrorCode | null
}

/**
 * A sender as a source should be: it keeps the order, and delivers again what was not acknowledged, after a crash only
 * what the journal does not have.
 */
export interface Sender {
  readonly all: readonly Delivered[]
  send(delivery: Delivery, fault: DeliveryFault | null): void
  /** Whether there is something that should be sent now. */
  readonly wants: boolean
  /** Sends it. */
  pump(life: Life): void
  /** Finds out what a former engine accepted without saying so. */
  recover(life: Life): Promise<void>
  /** Delivers what was to come again later; false when there was nothing. */
  releaseLater(): boolean
  /** Whether everything was acknowledged. */
  readonly idle: boolean
}

interface Item {
  readonly delivery: Delivery
  readonly copy: boolean
  state: 'queued' | 'sent' | 'over'
  accepted: Accepted | null
  refused: ErrorCode | null
}

const PAUSE_MS = 250
const AGAIN: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ENGINE_BUSY',
  'ENGINE_STATE',
  'JOURNAL_FULL',
  'JOURNAL_UNREACHABLE',
])

/** Makes the sender of one run. `beforeEach` is called right before a delivery is handed to the engine. */
export function createSender(clock: VirtualClock, beforeEach: (delivery: Delivery) => void): Sender {
  const items: Item[] = []
  const later: Item[] = []
  let held: Item | null = null
  let pausedUntil = 0

  const queue = (item: Item): void => void items.push(item)

  const inFlight = (): boolean => items.some((item) => item.state === 'sent')
  const queued = (): boolean => items.some((item) => item.state === 'queued')

  const release = (): void => {
    if (held) queue(held)
    held = null
  }

  const hand = (item: Item, life: Life): void => {
    const { flow, body, options } = item.delivery
    item.state = 'sent'
    beforeEach(item.delivery)
    life.runtime.send(flow, body, options).then(
      (accepted) => {
        if (life.alive) Object.assign(item, { state: 'over', accepted })
      },
      (thrown: unknown) => {
        if (life.alive) refused(item, ensureError(thrown).code)
      },
    )
  }

  const refused = (item: Item, code: ErrorCode): void => {
    if (!AGAIN.has(code)) {
      Object.assign(item, { state: 'over', refused: code })
      return
    }
    item.state = 'queued'
    pausedUntil = clock.now() + PAUSE_MS
    clock.timer(PAUSE_MS, () => undefined)
  }

  return {
    get all() {
      return items.map(({ delivery, copy, accepted, refused }) => ({ ...delivery, copy, accepted, refused }))
    },
    get wants() {
      return queued() && !inFlight() && clock.now() >= pausedUntil
    },
    get idle() {
      return items.every((item) => item.state === 'over')
    },
    send(delivery, fault) {
      const item = newItem(delivery, false)
      if (fault === 'swapped') {
        release()
        held = item
        return
      }
      queue(item)
      if (fault === 'twice') queue(newItem(delivery, true))
      if (fault === 'twice-later') later.push(newItem(delivery, true))
      release()
    },
    pump(life) {
      for (const item of items) if (item.state === 'queued') hand(item, life)
    },
    async recover({ runtime }) {
      const lost = items.filter((item) => item.state === 'sent')
      pausedUntil = 0
      if (lost.length === 0) return
      const { history } = runtime.parts.journal
      const roots = await history.query({ rootsOnly: true, order: 'oldest', limit: 10_000 })
      for (const item of lost) item.state = 'queued'
      const known = new Set(items.map((item) => item.accepted?.id))
      const unknown = roots.filter(({ id, headers }) => !known.has(id) && !('linkspan-cause' in headers))
      for (const item of lost) claim(item, unknown)
    },
    releaseLater() {
      release()
      for (const item of later) queue(item)
      return later.splice(0).length > 0 || queued()
    },
  }
}

function newItem(delivery: Delivery, copy: boolean): Item {
  return { delivery, copy, state: 'queued', accepted: null, refused: null }
}

function claim(item: Item, unknown: StoredMessage[]): void {
  const { flow, body } = item.delivery
  const at = unknown.findIndex((stored) => stored.flow === flow && sameBody(stored, body))
  if (at < 0) return
  const [stored] = unknown.splice(at, 1) as [StoredMessage]
  Object.assign(item, { state: 'over', accepted: { id: stored.id, duplicate: false } })
}

function sameBody(stored: StoredMessage, body: unknown): boolean {
  return isDeepStrictEqual(bodyOf(stored), JSON.parse(JSON.stringify(body) ?? 'null'))
}
