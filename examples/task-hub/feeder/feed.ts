import { setTimeout as pause } from 'node:timers/promises'
import type { LineLog } from '../lib/ndjson.ts'
import type { FeederLine } from '../protocol.ts'
import { type Delivery, type Plan, renderBody } from './plan.ts'
import type { PostOutcome } from './post.ts'

/** What the feeding needs of the world. */
export interface FeedOptions {
  readonly plan: Plan
  readonly connections: number
  /** Deliveries per second, or null for as fast as they are acknowledged. */
  readonly rate: number | null
  readonly log: LineLog<FeederLine>
  readonly signal: AbortSignal
  post(delivery: Delivery, body: string): Promise<PostOutcome>
  /** Called after each message that was accepted for the first time, after it was logged. */
  onAccepted(messageId: string): void
}

interface KeyQueue {
  readonly deliveries: Delivery[]
  busy: boolean
  /** How many distinct deliveries of this key were accepted. */
  accepted: number
  readonly seqs: Map<string, number>
}

interface Feeding {
  readonly options: FeedOptions
  readonly keys: Map<string, KeyQueue>
  /** Keys with something to send and nothing under way, the longest waiting first. */
  readonly ready: KeyQueue[]
  readonly messageIds: Set<string>
  busy: number
  planned: boolean
  changed: PromiseWithResolvers<void>
  nextSlot: number
}

const RETRY_PAUSE_MS = 40
const LONGEST_STANDSTILL_MS = 180_000

/**
 * Makes all deliveries of the plan: those of one key one after another, each after the acknowledgement of the one
 * before; different keys in parallel. A delivery that is not acknowledged is made again under the same id.
 * @throws when the hub acknowledges nothing for a minute.
 */
export async function feedAll(options: FeedOptions): Promise<void> {
  const feeding: Feeding = {
    options,
    keys: new Map(),
    ready: [],
    messageIds: new Set(),
    busy: 0,
    planned: false,
    changed: Promise.withResolvers(),
    nextSlot: performance.now(),
  }
  await Promise.all(Array.from({ length: options.connections }, () => work(feeding)))
}

async function work(feeding: Feeding): Promise<void> {
  while (!feeding.options.signal.aborted) {
    const queue = take(feeding)
    if (queue) await serve(feeding, queue)
    else if (feeding.planned && feeding.busy === 0) return
    else await feeding.changed.promise
  }
}

async function serve(feeding: Feeding, queue: KeyQueue): Promise<void> {
  const delivery = queue.deliveries.shift() as Delivery
  try {
    await paceOf(feeding)
    await deliver(feeding, queue, delivery)
  } finally {
    release(feeding, queue)
  }
}

function take(feeding: Feeding): KeyQueue | null {
  while (!feeding.planned && feeding.ready.length < feeding.options.connections) admitBatch(feeding)
  const queue = feeding.ready.shift()
  if (!queue) return null
  queue.busy = true
  feeding.busy += 1
  return queue
}

function admitBatch(feeding: Feeding): void {
  const batch = feeding.options.plan.next()
  if (batch === null) {
    feeding.planned = true
    return
  }
  for (const delivery of batch) {
    const queue = queueOf(feeding, delivery.key)
    if (queue.deliveries.length === 0 && !queue.busy) feeding.ready.push(queue)
    queue.deliveries.push(delivery)
  }
}

function queueOf(feeding: Feeding, key: string): KeyQueue {
  const known = feeding.keys.get(key)
  if (known) return known
  const queue: KeyQueue = { deliveries: [], busy: false, accepted: 0, seqs: new Map() }
  feeding.keys.set(key, queue)
  return queue
}

function release(feeding: Feeding, queue: KeyQueue): void {
  queue.busy = false
  feeding.busy -= 1
  if (queue.deliveries.length > 0) feeding.ready.push(queue)
  const { resolve } = feeding.changed
  feeding.changed = Promise.withResolvers()
  resolve()
}

async function paceOf(feeding: Feeding): Promise<void> {
  if (feeding.options.rate === null) return
  const now = performance.now()
  const slot = Math.max(now, feeding.nextSlot)
  feeding.nextSlot = slot + 1000 / feeding.options.rate
  await pause(slot - now, undefined, { signal: feeding.options.signal }).catch(() => undefined)
}

async function deliver(feeding: Feeding, queue: KeyQueue, delivery: Delivery): Promise<void> {
  const { log, signal } = feeding.options
  const { deliveryId, kind } = delivery
  const body = renderBody(delivery)
  const start = performance.now()
  for (let attempt = 1; !signal.aborted; attempt += 1) {
    log.write({ event: 'attempt', deliveryId, kind, attempt })
    const outcome = await feeding.options.post(delivery, body)
    if (outcome.kind === 'accepted') return accept(feeding, queue, delivery, outcome)
    if (outcome.kind === 'refused') {
      return log.write({ event: 'refused', deliveryId, status: outcome.status, body: outcome.body })
    }
    log.write({ event: 'failed', deliveryId, attempt, reason: outcome.reason })
    if (performance.now() - start > LONGEST_STANDSTILL_MS)
      throw new Error(standstill(delivery, outcome.reason))
    await pause(outcome.retryAfterMs ?? RETRY_PAUSE_MS * (0.5 + Math.random()))
  }
}

function standstill(delivery: Delivery, reason: string): string {
  return `Delivery ${delivery.deliveryId} was not acknowledged within ${LONGEST_STANDSTILL_MS} ms; the last try: ${reason}.`
}

function accept(
  feeding: Feeding,
  queue: KeyQueue,
  delivery: Delivery,
  outcome: PostOutcome & { kind: 'accepted' },
): void {
  const { deliveryId, kind, key, githubEvent, action, conclusion, taskId, version } = delivery
  const { messageId, duplicate } = outcome
  const seq = queue.seqs.get(deliveryId) ?? queue.accepted++
  queue.seqs.set(deliveryId, seq)
  const defect = delivery.defect?.name ?? null
  feeding.options.log.write({
    event: 'accepted',
    ...{ deliveryId, messageId, key, seq, kind, duplicate },
    ...{ githubEvent, action, conclusion, taskId, version, defect },
  })
  if (feeding.messageIds.has(messageId)) return
  feeding.messageIds.add(messageId)
  feeding.options.onAccepted(messageId)
}
