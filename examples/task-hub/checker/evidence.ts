import { join } from 'node:path'
import { readLog, readWholeLog, type Timed } from '../lib/ndjson.ts'
import {
  type Acceptance,
  type Effect,
  type Ending,
  type Fault,
  type FeederLine,
  type RunnerLine,
  SINKS,
  type Sink,
  type SinkLine,
} from '../protocol.ts'

/** One delivery of the feeder, put together from all its lines. */
export interface DeliveryRecord {
  readonly acceptance: Acceptance
  /** The place among the deliveries of its key, counted here and not taken from the feeder. */
  readonly place: number
  readonly firstAttemptAt: number
  /** More than one id means that a redelivery was accepted as a new message. */
  readonly messageIds: Set<string>
}

/** One request at a simulator. */
export interface RequestRecord {
  readonly t: number
  readonly deliveryId: string | null
  readonly fault: Fault | null
  readonly effect: Effect | null
  /** What the reply said of itself; `applied`, `stale`, `repeated`; empty when none was logged. */
  readonly note: string
  readonly status: number | null
  /** Whether the simulator knows that its caller cannot know the outcome. */
  readonly unknown: boolean
}

/** All that the checker goes by. */
export interface Evidence {
  readonly planned: number | null
  readonly deliveries: ReadonlyMap<string, DeliveryRecord>
  readonly endings: ReadonlyMap<string, Ending>
  /** The last state that was reported of messages without an ending. */
  readonly missing: ReadonlyMap<string, string>
  readonly refused: readonly string[]
  /** In the order in which requests took effect. */
  readonly requests: Readonly<Record<Sink, readonly RequestRecord[]>>
}

/** A doubt that a person settled. */
export interface Resolution {
  /** When the hub was told. */
  readonly at: number
  readonly messageId: string
  readonly sentAgain: boolean
  /** How the message ended then; null when it did not. */
  readonly state: Ending | null
}

/** What the runner did to the hub. */
export interface RunRecord {
  readonly kills: readonly { readonly t: number; readonly inFlight: number }[]
  /** What a person settled, by delivery. */
  readonly resolved: ReadonlyMap<string, Resolution>
  readonly seed: number
  readonly seconds: number
}

/** Reads the logs of the feeder and of the simulators in a folder. */
export async function readEvidence(logs: string): Promise<Evidence> {
  const feeder = await readFeeder(join(logs, 'feeder.ndjson'))
  const requests = await Promise.all(
    SINKS.map(async (sink) => [sink, await readSink(join(logs, `${sink}.ndjson`))]),
  )
  return { ...feeder, requests: Object.fromEntries(requests) as Evidence['requests'] }
}

/** Reads the log of the runner in a folder. */
export async function readRun(logs: string): Promise<RunRecord> {
  const lines = await readWholeLog<RunnerLine>(join(logs, 'runner.ndjson'))
  const start = lines.find((line) => line.event === 'start')
  const resolved = lines.filter((line) => line.event === 'resolved')
  return {
    kills: lines.filter((line) => line.event === 'kill').map(({ t, inFlight }) => ({ t, inFlight })),
    resolved: new Map(resolved.map((line) => [line.deliveryId, line])),
    seed: start?.seed ?? 0,
    seconds: lines.find((line) => line.event === 'finish')?.seconds ?? 0,
  }
}

/** How each message ended for good: those that were resolved, as they ended then. */
export function finalEndings(evidence: Evidence, run: RunRecord): ReadonlyMap<string, Ending> {
  const endings = new Map(evidence.endings)
  for (const { messageId, state } of run.resolved.values()) {
    if (state === null) endings.delete(messageId)
    else endings.set(messageId, state)
  }
  return endings
}

async function readFeeder(path: string): Promise<Omit<Evidence, 'requests'>> {
  const deliveries = new Map<string, DeliveryRecord>()
  const firstAttempts = new Map<string, number>()
  const places = new Map<string, number>()
  const endings = new Map<string, Ending>()
  const missing = new Map<string, string>()
  const refused: string[] = []
  let planned: number | null = null
  for await (const line of readLog<FeederLine>(path)) {
    if (line.event === 'start') planned = line.messages
    if (line.event === 'attempt' && !firstAttempts.has(line.deliveryId))
      firstAttempts.set(line.deliveryId, line.t)
    if (line.event === 'refused') refused.push(`${line.deliveryId} (${line.status})`)
    if (line.event === 'ended') endings.set(line.messageId, line.state)
    if (line.event === 'missing') missing.set(line.messageId, line.state)
    if (line.event !== 'accepted') continue
    const known = deliveries.get(line.deliveryId)
    known?.messageIds.add(line.messageId)
    if (known) continue
    const place = places.get(line.key) ?? 0
    places.set(line.key, place + 1)
    const firstAttemptAt = firstAttempts.get(line.deliveryId) ?? line.t
    const messageIds = new Set([line.messageId])
    deliveries.set(line.deliveryId, { acceptance: line, place, firstAttemptAt, messageIds })
  }
  return { planned, deliveries, endings, missing, refused }
}

type OpenRequest = { -readonly [Field in keyof RequestRecord]: RequestRecord[Field] }

async function readSink(path: string): Promise<readonly RequestRecord[]> {
  const open = new Map<number, OpenRequest>()
  const inOrder = new Set<OpenRequest>()
  for await (const line of readLog<SinkLine>(path)) {
    if (line.event === 'request') open.set(line.request, openRequest(line))
    const record = open.get(line.request)
    if (!record || line.event === 'request') continue
    // A request counts from when it took effect, which can be after its caller has gone.
    if (line.event === 'effect' || record.effect === null) inOrder.delete(record)
    inOrder.add(record)
    if (line.event === 'effect') record.effect = line
    if (line.event === 'reply') Object.assign(record, { status: line.status, note: line.note })
    if (line.event === 'gone' || (line.event === 'reply' && line.unknown)) record.unknown = true
    record.t = line.t
  }
  return [...inOrder]
}

type Line<Event extends SinkLine['event']> = Timed<Extract<SinkLine, { readonly event: Event }>>

function openRequest({ t, deliveryId, fault }: Line<'request'>): OpenRequest {
  return { t, deliveryId, fault, effect: null, note: '', status: null, unknown: false }
}
