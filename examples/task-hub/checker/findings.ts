import { type Acceptance, type Sink, SUBSCRIBERS } from '../protocol.ts'
import type { DeliveryRecord, Evidence, RequestRecord, RunRecord } from './evidence.ts'
import { expectationOf } from './expectations.ts'

/** Everything that broke one rule: how often, and which deliveries or messages to look at. */
export interface Finding {
  readonly rule: string
  readonly cases: readonly string[]
}

/** Messages that were accepted and never ended, and deliveries that ended without the effects they must have. */
export function findLost(evidence: Evidence): Finding {
  const cases: string[] = []
  const owners = new Map<string, string>()
  for (const [deliveryId, record] of evidence.deliveries) {
    for (const messageId of record.messageIds) {
      const owner = owners.get(messageId) ?? deliveryId
      owners.set(messageId, owner)
      if (owner !== deliveryId) cases.push(`${messageId} was given to ${owner} and to ${deliveryId}`)
      else if (!evidence.endings.has(messageId))
        cases.push(`${messageId} has not ended: ${stateOf(evidence, messageId)}`)
    }
  }
  return { rule: 'lost', cases: [...cases, ...missingEffects(evidence)] }
}

function stateOf(evidence: Evidence, messageId: string): string {
  return evidence.missing.get(messageId) ?? 'never asked'
}

function missingEffects(evidence: Evidence): readonly string[] {
  const taken = placesTaken(evidence)
  const cases: string[] = []
  for (const [deliveryId, record] of evidence.deliveries) {
    if (!mustHaveEffects(evidence, record)) continue
    const places = expectationOf(record.acceptance).sinks.flatMap(placesOf)
    const missed = places.filter((place) => !taken.has(`${place}|${deliveryId}`))
    if (missed.length > 0) cases.push(`${deliveryId} has no effect at ${missed.join(', ')}`)
  }
  return cases
}

// A message without an ending is counted already; one that is dead or in doubt says itself that something is missing.
function mustHaveEffects(evidence: Evidence, record: DeliveryRecord): boolean {
  const endings = [...record.messageIds].map((id) => evidence.endings.get(id))
  return endings.every((ending) => ending !== undefined && ending !== 'dead' && ending !== 'inDoubt')
}

function placesOf(sink: Sink): readonly string[] {
  return sink === 'subscribers' ? SUBSCRIBERS.map((name) => `subscribers/${name}`) : [sink]
}

function placeOf(sink: Sink, request: RequestRecord): string {
  return sink === 'subscribers' ? `subscribers/${request.effect?.subscriber}` : sink
}

// The board answers an overtaken version without applying it; the request has then done what it is for.
function tookEffect(sink: Sink, request: RequestRecord): boolean {
  return request.effect !== null || (sink === 'board' && request.note === 'stale')
}

function placesTaken(evidence: Evidence): ReadonlySet<string> {
  const taken = new Set<string>()
  for (const [sink, requests] of sinksOf(evidence)) {
    for (const request of requests) {
      if (tookEffect(sink, request)) taken.add(`${placeOf(sink, request)}|${request.deliveryId}`)
    }
  }
  return taken
}

function sinksOf(evidence: Evidence): readonly [Sink, readonly RequestRecord[]][] {
  return Object.entries(evidence.requests) as [Sink, readonly RequestRecord[]][]
}

/** Effects that happened again. At the chat they are allowed where a doubt was recorded and resolved by sending again. */
export function findDoubled(evidence: Evidence, run: RunRecord): Finding {
  const counts = new Map<string, number>()
  const cases: string[] = []
  for (const [sink, requests] of sinksOf(evidence)) {
    for (const request of requests) {
      if (sink === 'board' || request.effect === null || request.deliveryId === null) continue
      const name = `${placeOf(sink, request)}|${request.deliveryId}`
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const allowed = sink === 'chat' && wasSentAgain(evidence, run, request.deliveryId) ? 2 : 1
      if (count > allowed) cases.push(`${request.deliveryId} at ${placeOf(sink, request)}, time ${count}`)
    }
  }
  return { rule: 'doubled', cases: [...cases, ...boardGoneWrong(evidence)] }
}

function wasSentAgain({ endings }: Evidence, { resolved }: RunRecord, deliveryId: string): boolean {
  const resolution = resolved.get(deliveryId)
  return resolution?.sentAgain === true && endings.get(resolution.messageId) === 'inDoubt'
}

function boardGoneWrong(evidence: Evidence): readonly string[] {
  const last = new Map<string, { version: number; digest: string }>()
  const cases: string[] = []
  for (const { effect, deliveryId } of evidence.requests.board) {
    if (effect === null || effect.taskId === null || effect.version === null) continue
    const { taskId, version, digest } = effect
    const before = last.get(taskId)
    last.set(taskId, { version, digest })
    if (!before) continue
    if (version < before.version)
      cases.push(`${deliveryId} put ${taskId} back from ${before.version} to ${version}`)
    if (version === before.version && digest !== before.digest) {
      cases.push(`${deliveryId} changed ${taskId} at version ${version} by repetition`)
    }
  }
  return cases
}

/** Deliveries of one key that first took effect at a place after one that was accepted later. */
export function findOutOfOrder(evidence: Evidence, run: RunRecord): Finding {
  const seen = new Set<string>()
  const furthest = new Map<string, number>()
  const cases: string[] = []
  for (const [sink, requests] of sinksOf(evidence)) {
    for (const request of requests) {
      const record = recordOf(evidence, request)
      if (!record || !tookEffect(sink, request) || (sink === 'chat' && wasInDoubt(evidence, run, record)))
        continue
      const place = placeOf(sink, request)
      if (seen.has(`${place}|${request.deliveryId}`)) continue
      seen.add(`${place}|${request.deliveryId}`)
      const lane = `${place}|${record.acceptance.key}`
      const before = furthest.get(lane) ?? -1
      if (record.place < before)
        cases.push(`${request.deliveryId} (place ${record.place}) after place ${before} at ${lane}`)
      furthest.set(lane, Math.max(before, record.place))
    }
  }
  return { rule: 'out of order', cases }
}

// When a request in doubt takes effect, its key may have moved on.
function wasInDoubt(evidence: Evidence, run: RunRecord, record: DeliveryRecord): boolean {
  if (run.resolved.has(record.acceptance.deliveryId)) return true
  return [...record.messageIds].some((id) => evidence.endings.get(id) === 'inDoubt')
}

function recordOf(evidence: Evidence, request: RequestRecord): DeliveryRecord | null {
  return request.deliveryId === null ? null : (evidence.deliveries.get(request.deliveryId) ?? null)
}

/** Messages whose ending is not the one their delivery must have. In doubt has a rule of its own. */
export function findWrongEndings(evidence: Evidence): readonly Finding[] {
  const wrong = { undead: [] as string[], dead: [] as string[], other: [] as string[] }
  for (const [deliveryId, { acceptance, messageIds }] of evidence.deliveries) {
    for (const messageId of messageIds) {
      const ending = evidence.endings.get(messageId)
      const { ending: expected } = expectationOf(acceptance)
      if (ending === undefined || ending === expected || ending === 'inDoubt') continue
      const text = `${messageId} (${describe(acceptance)}, ${deliveryId}) ended ${ending}, not ${expected}`
      if (expected === 'dead') wrong.undead.push(text)
      else if (ending === 'dead') wrong.dead.push(text)
      else wrong.other.push(text)
    }
  }
  return [
    { rule: 'planted, but not a dead letter', cases: wrong.undead },
    { rule: 'a dead letter, but not planted', cases: wrong.dead },
    { rule: 'another ending than its event must have', cases: wrong.other },
  ]
}

function describe({ githubEvent, action, conclusion }: Acceptance): string {
  return [githubEvent, action, conclusion].filter((part) => part !== null).join(' ')
}

/** Effects of deliveries that were never accepted, or at a place where they have no business. */
export function findStray(evidence: Evidence): Finding {
  const cases: string[] = []
  for (const [sink, requests] of sinksOf(evidence)) {
    for (const request of requests) {
      if (request.effect === null || request.deliveryId === null) continue
      const record = recordOf(evidence, request)
      if (!record) cases.push(`${request.deliveryId} at ${sink} was never accepted`)
      else if (!expectationOf(record.acceptance).sinks.includes(sink)) {
        cases.push(`${request.deliveryId} (${describe(record.acceptance)}) has no business at ${sink}`)
      }
    }
  }
  return { rule: 'stray effect', cases }
}

/** Redeliveries that were accepted as new messages, deliveries refused, and deliveries never acknowledged. */
export function findFeedingProblems(evidence: Evidence): readonly Finding[] {
  const twice = [...evidence.deliveries].filter(([, { messageIds }]) => messageIds.size > 1)
  const { planned, deliveries } = evidence
  const short =
    planned === null || deliveries.size === planned ? [] : [`${deliveries.size} of ${planned} were accepted`]
  return [
    { rule: 'one delivery accepted as several messages', cases: twice.map(([id]) => id) },
    { rule: 'refused', cases: evidence.refused },
    { rule: 'not all deliveries were accepted', cases: short },
  ]
}
