import type { Batch } from '../../journal/journal.ts'
import type { CommitFate } from '../../journal/simulated/simulated.ts'
import { durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { never } from '../fake-outcome.ts'
import type { LeavingCall, WorldProbe } from '../test-world.ts'
import type {
  Boundary,
  BoundaryKind,
  CallFault,
  CommitFault,
  DeliveryFault,
  FaultName,
  Planned,
  QuestionFault,
} from './boundaries.ts'

/** Counts the boundaries of a run, and lets the planned faults happen. */
export interface Probe extends WorldProbe {
  readonly boundaries: readonly Boundary[]
  /** The messages whose calls were disturbed. */
  readonly disturbed: ReadonlySet<string>
  /** Whether the engine is to be killed as soon as what is under way has settled; asking clears it. */
  killIsDue(): boolean
  delivery(describe: Boundary['describe']): DeliveryFault | null
}

const PAUSE_MS = 1_000

/** Makes the probe of one run; `kill` ends the engine. */
export function createProbe(plan: readonly Planned[], clock: Clock, kill: () => void): Probe {
  const faults = new Map(plan.map(({ at, fault }) => [at, fault]))
  const counts = new Map<BoundaryKind, number>()
  const boundaries: Boundary[] = []
  const disturbed = new Set<string>()
  let due = false

  const come = (kind: BoundaryKind, describe: Boundary['describe'], askable = false): FaultName | null => {
    const number = boundaries.length + 1
    const count = (counts.get(kind) ?? 0) + 1
    counts.set(kind, count)
    boundaries.push({ number, kind, count, askable, describe })
    return faults.get(number) ?? null
  }

  const called = (leaving: LeavingCall, kind: 'call' | 'question'): FaultName | null => {
    const { operation, path, call } = leaving
    const fault = come(
      kind,
      (name) => `${operation.fullName} in "${path}" by ${name(call.messageId)}`,
      operation.guarantee.kind === 'verify',
    )
    if (fault !== null) disturbed.add(call.messageId)
    return fault
  }

  return {
    boundaries,
    disturbed,
    killIsDue() {
      const now = due
      due = false
      return now
    },
    delivery: (describe) => come('delivery', describe) as DeliveryFault | null,
    commit(batch) {
      const fault = come('commit', (name) => describeBatch(batch, name)) as CommitFault | null
      if (fault === 'kill-after') due = true
      if (fault === 'kill-before' || fault === 'kill-written') kill()
      return fault === null ? 'ok' : FATES[fault]
    },
    call(leaving) {
      const fault = called(leaving, 'call') as CallFault | null
      return fault === null ? leaving.pass() : disturbCall(leaving, fault, clock, kill)
    },
    question(leaving) {
      const fault = called(leaving, 'question') as QuestionFault | null
      if (fault === null) return leaving.pass()
      if (fault === '503') return Promise.reject(unavailable(leaving, 'unknown'))
      if (fault !== 'timeout') kill()
      return never()
    },
    timer() {
      if (come('timer', () => 'of the engine') === 'kill') kill()
    },
  }
}

const FATES: Readonly<Record<CommitFault, CommitFate>> = {
  'kill-before': 'lost-before',
  'kill-written': 'lost-after',
  'kill-after': 'ok',
  'unreachable-before': 'unreachable-before',
  'unreachable-after': 'unreachable-after',
  full: 'full',
}

function disturbCall(
  leaving: LeavingCall,
  fault: CallFault,
  clock: Clock,
  kill: () => void,
): Promise<unknown> {
  const arrive = (): void => void leaving.pass().catch(() => undefined)
  if (fault === 'kill-after' || fault === 'timeout-after') arrive()
  if (fault === 'late' || fault === 'kill-late') clock.timer(lateMs(leaving), arrive)
  if (fault.startsWith('kill')) kill()
  if (fault === '429') return Promise.reject(limited(leaving))
  if (fault === '503') return Promise.reject(unavailable(leaving, 'no'))
  return never()
}

function lateMs({ operation: { guarantee }, call }: LeavingCall): number {
  return call.timeoutMs + (guarantee.kind === 'verify' ? durationMs(guarantee.settleAfter) / 2 : 0)
}

function limited({ operation }: LeavingCall): LinkspanError {
  return new LinkspanError('CALL_RATE_LIMITED', `${operation.fullName} answered 429 (crash sweep).`, {
    retry: { afterMs: PAUSE_MS },
    applied: 'no',
  })
}

function unavailable({ operation }: LeavingCall, applied: 'no' | 'unknown'): LinkspanError {
  return new LinkspanError('CALL_FAILED', `${operation.fullName} answered 503 (crash sweep).`, {
    retry: { afterMs: PAUSE_MS },
    applied,
  })
}

function describeBatch(batch: Batch, name: (message: string | number) => string): string {
  const named = (what: string, all: readonly { readonly seq: number }[]): string[] =>
    all.length === 0 ? [] : [`${what} ${listed([...new Set(all.map(({ seq }) => name(seq)))])}`]
  const parts = [
    ...(batch.accept.length === 0 ? [] : [`accept ${batch.accept.length}`]),
    ...named('records of', batch.records),
    ...named('wait of', batch.waits),
    ...named('revival of', batch.revive),
    ...named('settle', batch.settle),
    ...(batch.state.length === 0 ? [] : ['state']),
    ...batch.cursors.map((cursor) => `cursor ${cursor.name}`),
  ]
  return parts.join(', ') || 'nothing but order'
}

const SHOWN = 4

function listed(names: readonly string[]): string {
  const more = names.length - SHOWN
  return more > 0 ? `${names.slice(0, SHOWN).join(' and ')} and ${more} more` : names.join(' and ')
}
