/** Where something leaves or enters the engine, so that a fault can happen there. */
export type BoundaryKind = 'delivery' | 'commit' | 'call' | 'question' | 'timer'

/** What can go wrong at a boundary, by the kind of boundary. */
export type FaultName = DeliveryFault | CommitFault | CallFault | QuestionFault | 'kill'

/** `twice`: sent two times at once. `twice-later`: sent again when everything has ended. `swapped`: sent after the next one. */
export type DeliveryFault = 'twice' | 'twice-later' | 'swapped'
/** Kills lose what the engine has in memory; `unreachable` and `full` are answers of the journal. */
export type CommitFault =
  | 'kill-before'
  | 'kill-written'
  | 'kill-after'
  | 'unreachable-before'
  | 'unreachable-after'
  | 'full'
/**
 * `-before`: the request did not reach the system. `-after`: it took effect and its answer was lost. `late`: it took
 * effect after the time limit, within the time after which the system's word is to be trusted.
 */
export type CallFault =
  | 'kill-before'
  | 'kill-after'
  | 'timeout-before'
  | 'timeout-after'
  | '429'
  | '503'
  | 'late'
  | 'kill-late'
/** What can go wrong when a system is asked after a call. */
export type QuestionFault = 'kill-before' | 'kill-after' | 'timeout' | '503'

/** One place of a run where a fault can happen. */
export interface Boundary {
  /** Its place among all of the run, from 1. */
  readonly number: number
  readonly kind: BoundaryKind
  /** Its place among those of its kind, from 1. */
  readonly count: number
  /** Of a call: whether the system can be asked after it. */
  readonly askable: boolean
  /** What happens there, for people; messages are named by the function given. */
  describe(name: (message: string | number) => string): string
}

/** A fault at a boundary. */
export interface Planned {
  readonly at: number
  readonly fault: FaultName
}

/** The faults that are tried at each kind of boundary, with what they are for people. */
export const FAULTS: Readonly<Record<BoundaryKind, Readonly<Partial<Record<FaultName, string>>>>> = {
  delivery: {
    twice: 'it was delivered twice at once',
    'twice-later': 'it was delivered again when everything had ended',
    swapped: 'it was delivered after the next one',
  },
  commit: {
    'kill-before': 'the engine was killed before it was written',
    'kill-written': 'the engine was killed after it was written and before it was answered',
    'kill-after': 'the engine was killed right after it was answered',
    'unreachable-before': 'it was not written, and the journal did not answer',
    'unreachable-after': 'it was written, and the journal did not answer',
    full: 'the journal was full',
  },
  call: {
    'kill-before': 'the engine was killed before the request was sent',
    'kill-after': 'the engine was killed after the call was applied and before its answer came',
    'timeout-before': 'it timed out, and was not applied',
    'timeout-after': 'it timed out, and was applied',
    '429': 'it was answered by 429',
    '503': 'it was answered by 503 with Retry-After',
    late: 'it timed out, and was applied later',
    'kill-late': 'the engine was killed, and the call was applied later',
  },
  question: {
    'kill-before': 'the engine was killed before it asked',
    'kill-after': 'the engine was killed before the answer came',
    timeout: 'it timed out',
    '503': 'it was answered by 503',
  },
  timer: { kill: 'the engine was killed when it was due' },
}

/** Whether a fault ends the engine. */
export function kills({ fault }: Planned): boolean {
  return fault.startsWith('kill')
}

/** The short name of a run, to be run alone. */
export function planId(plan: readonly Planned[]): string {
  return plan.map(({ at, fault }) => `${at}:${fault}`).join(',')
}
