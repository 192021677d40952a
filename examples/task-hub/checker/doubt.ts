import type { DeliveryRecord, Evidence, RequestRecord, RunRecord } from './evidence.ts'
import { expectationOf } from './expectations.ts'
import type { Finding } from './findings.ts'

/** How many outcomes nobody could know, and what is wrong with the doubts that were recorded. */
export interface DoubtReport {
  /** Outcomes that the chat itself left unknown. */
  readonly atChat: number
  /** Doubts that only a kill explains. */
  readonly byKills: number
  readonly findings: readonly Finding[]
}

// A reply that the hub had in its hands this long before a kill has been recorded.
const RECORDED_AFTER_MS = 5000
// A kill can hide no more calls than the hub has under way at once.
const CALLS_AT_ONCE = 64

/**
 * Checks that each message in doubt had an outcome that nobody could know: its event goes to the chat, and either the
 * chat left it without a clear answer, or a kill came between the sending and the recording of the answer.
 */
export function examineDoubts(evidence: Evidence, run: RunRecord): DoubtReport {
  const byDelivery = Map.groupBy(evidence.requests.chat, ({ deliveryId }) => deliveryId)
  const elsewhere: string[] = []
  const unexplained: string[] = []
  const byKills: string[] = []
  for (const [deliveryId, record] of evidence.deliveries) {
    const inDoubt = [...record.messageIds].some((id) => evidence.endings.get(id) === 'inDoubt')
    if (!inDoubt) continue
    const resolvedAt = run.resolved.get(deliveryId)?.at ?? Number.POSITIVE_INFINITY
    const requests = (byDelivery.get(deliveryId) ?? []).filter(({ t }) => t < resolvedAt)
    if (!expectationOf(record.acceptance).sinks.includes('chat')) elsewhere.push(deliveryId)
    else if (requests.some(({ unknown }) => unknown)) continue
    else if (run.kills.some(({ t }) => killExplains(t, record, requests))) byKills.push(deliveryId)
    else unexplained.push(deliveryId)
  }
  const room = run.kills.length * CALLS_AT_ONCE
  return {
    atChat: evidence.requests.chat.filter(({ unknown }) => unknown).length,
    byKills: byKills.length,
    findings: [
      { rule: 'in doubt elsewhere than at the chat', cases: elsewhere },
      { rule: 'in doubt although its outcome was known', cases: unexplained },
      { rule: 'resolved although it was not in doubt', cases: resolvedForNothing(evidence, run) },
      { rule: `in doubt more often than ${run.kills.length} kills explain`, cases: byKills.slice(room) },
    ],
  }
}

function resolvedForNothing({ endings }: Evidence, { resolved }: RunRecord): readonly string[] {
  const messageIds = [...resolved.values()].map(({ messageId }) => messageId)
  return messageIds.filter((messageId) => endings.get(messageId) !== 'inDoubt')
}

function killExplains(killedAt: number, record: DeliveryRecord, requests: readonly RequestRecord[]): boolean {
  if (record.firstAttemptAt > killedAt) return false
  const applied = requests.find(({ effect }) => effect !== null)
  return applied === undefined || (applied.t <= killedAt && applied.t > killedAt - RECORDED_AFTER_MS)
}
