import { ENDINGS, type Ledger, SINKS, type Sink } from '../protocol.ts'
import { examineDoubts } from './doubt.ts'
import { type Evidence, finalEndings, type RunRecord } from './evidence.ts'
import {
  type Finding,
  findDoubled,
  findFeedingProblems,
  findLost,
  findOutOfOrder,
  findStray,
  findWrongEndings,
} from './findings.ts'

/** What happened at one simulator. */
export interface SinkReport {
  readonly requests: number
  readonly effects: number
  /** Requests that were answered from memory or found overtaken. */
  readonly harmless: number
  readonly faults: number
  readonly unknown: number
}

/** What the run had to do besides keeping its promises. */
export interface Demands {
  readonly kills: number
  readonly inFlight: number
}

/** The checker's judgement of a run. */
export interface Judgement {
  readonly ledger: Ledger
  /** True when every rule is kept. */
  readonly balanced: boolean
  /** The rules that were broken. */
  readonly findings: readonly Finding[]
  readonly sinks: Readonly<Record<Sink, SinkReport>>
  /** How many outcomes nobody could know: at the chat, and by kills. */
  readonly unknownOutcomes: { readonly atChat: number; readonly byKills: number }
  /** Doubts that a person settled; `inDoubt` of the ledger counts those that nobody did. */
  readonly resolved: { readonly asApplied: number; readonly sentAgain: number }
}

/** Judges a run by the logs of those around the hub. */
export function judge(evidence: Evidence, run: RunRecord, demands: Demands): Judgement {
  const final = { ...evidence, endings: finalEndings(evidence, run) }
  const lost = findLost(final)
  const doubled = findDoubled(evidence, run)
  const outOfOrder = findOutOfOrder(evidence, run)
  const { atChat, byKills, findings: doubts } = examineDoubts(evidence, run)
  const others = [
    ...findWrongEndings(final),
    findStray(evidence),
    ...findFeedingProblems(evidence),
    ...doubts,
  ]
  const findings = [lost, doubled, outOfOrder, ...others, ...findKillProblems(run, demands)]
  const broken = findings.filter(({ cases }) => cases.length > 0)
  return {
    ledger: {
      ...countEndings(final),
      lost: lost.cases.length,
      doubled: doubled.cases.length,
      outOfOrder: outOfOrder.cases.length,
      kills: run.kills.length,
      seed: run.seed,
      seconds: run.seconds,
    },
    balanced: broken.length === 0,
    findings: broken,
    sinks: Object.fromEntries(SINKS.map((sink) => [sink, reportOf(evidence, sink)])) as Judgement['sinks'],
    unknownOutcomes: { atChat, byKills },
    resolved: countResolved(run),
  }
}

function countEndings(
  evidence: Evidence,
): Omit<Ledger, 'lost' | 'doubled' | 'outOfOrder' | 'kills' | 'seed' | 'seconds'> {
  const accepted = new Set([...evidence.deliveries.values()].flatMap(({ messageIds }) => [...messageIds]))
  const counts = Object.fromEntries(ENDINGS.map((ending) => [ending, 0])) as Record<
    (typeof ENDINGS)[number],
    number
  >
  for (const messageId of accepted) {
    const ending = evidence.endings.get(messageId)
    if (ending) counts[ending] += 1
  }
  return { accepted: accepted.size, ...counts }
}

function countResolved({ resolved }: RunRecord): Judgement['resolved'] {
  const sentAgain = [...resolved.values()].filter((each) => each.sentAgain).length
  return { asApplied: resolved.size - sentAgain, sentAgain }
}

function findKillProblems({ kills }: RunRecord, demands: Demands): readonly Finding[] {
  const few = kills.length < demands.kills ? [`${kills.length} instead of ${demands.kills}`] : []
  const idle = kills.filter(({ inFlight }) => inFlight < demands.inFlight)
  return [
    { rule: 'fewer kills than demanded', cases: few },
    {
      rule: `killed with fewer than ${demands.inFlight} messages in flight`,
      cases: idle.map(({ t, inFlight }) => `${inFlight} at ${new Date(t).toISOString()}`),
    },
  ]
}

function reportOf(evidence: Evidence, sink: Sink): SinkReport {
  const requests = evidence.requests[sink]
  return {
    requests: requests.length,
    effects: requests.filter(({ effect }) => effect !== null).length,
    harmless: requests.filter(({ note }) => note === 'repeated' || note === 'stale').length,
    faults: requests.filter(({ fault }) => fault !== null).length,
    unknown: requests.filter(({ unknown }) => unknown).length,
  }
}
