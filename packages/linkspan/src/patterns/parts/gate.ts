import type { StoredError } from '../../model/errors.ts'
import type { AttemptFailure, Pass, Program, StepResult } from '../pattern.ts'

/**
 * How far a message is with a gate, noted beside the order of its steps, since it comes to the same steps again after each
 * attempt that failed.
 */
export type GateStanding = {
  readonly did: 'let' | 'waits' | 'refused' | 'failed' | 'settles' | 'passed'
  /** When it was first let in, if it had to wait for that: its own time from there on. */
  readonly from: number | null
  /** What happened, for people. */
  readonly says: string
  /** A failed attempt on which the policies have yet to decide. */
  readonly undecided?: true
}

/** How an attempt ended: by what error, or well (null). */
export interface AttemptEnd {
  readonly did: 'failed' | 'settles' | 'passed'
  readonly error: StoredError | null
}

/** What lets messages into steps, one attempt at a time. */
export interface Gate<S extends GateStanding> {
  readonly path: string
  /** Comes to where the message is let in, or where it has to wait; throws where it is refused. */
  letIn(pass: Pass): Promise<S | { readonly stop: StepResult }>
  /** An attempt is over. */
  left(pass: Pass, standing: S, end: AttemptEnd): Promise<void>
}

/** One pass of a message through the steps behind a gate. */
export async function throughGate<S extends GateStanding>(
  pass: Pass,
  gate: Gate<S>,
  steps: Program,
): Promise<StepResult> {
  const { path } = gate
  const standing = await gate.letIn(pass)
  if ('stop' in standing) return standing.stop
  if (standing.from !== null) pass.moveTo(standing.from)
  if (standing.did === 'passed') return steps.run(pass)
  const stop = await pass.watch(
    path,
    (inner) => steps.run(inner),
    async (error, how) => {
      await gate.left(pass, standing, { did: AFTER[how], error })
      return null
    },
  )
  if (stop?.kind !== 'suspend') await gate.left(pass, standing, { did: 'passed', error: null })
  return stop
}

const AFTER: Readonly<Record<AttemptFailure, AttemptEnd['did']>> = {
  failed: 'failed',
  retries: 'failed',
  settles: 'settles',
}

/** When a message was let in first, if it waited for that: `did` is what it did now. */
export function letInAt(
  before: GateStanding | undefined,
  did: GateStanding['did'],
  at: number,
): number | null {
  const isFirst = did === 'let' && before?.did === 'waits' && before.from === null
  return isFirst ? at : (before?.from ?? null)
}
