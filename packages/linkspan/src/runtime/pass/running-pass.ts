import type { StepNode } from '../../model/flow-definition.ts'
import type { ErrorPolicy } from '../../model/policy.ts'
import type { Executor, Pass, Program, StepResult } from '../../patterns/pattern.ts'

/** A step ready to run, with its place in the flow. */
export interface CompiledStep {
  readonly path: string
  readonly kind: string
  readonly node: StepNode
  readonly run: Executor
}

/** A pass as the compiled flow sees it: what patterns see, and how failures are decided on. */
export interface RunningPass extends Pass {
  /** Runs a step whose failures are decided on there and then; a null policy is the flow's. */
  guard(
    path: string,
    run: Executor,
    policy: ErrorPolicy | null,
    fallback: Program | null,
  ): StepResult | Promise<StepResult>
  /** Where the step of a path is in the record: its path, and the turns of repeated scopes that the pass is in. */
  at(path: string): string
  /** Wakes the message that this one is a child of, which lies in the same partition. */
  wakeParent(): Promise<StepResult>
  /** Watches the steps, for traces and replay. */
  readonly observer: PassObserver | null
}

/** Runs the steps in the place of the compiled flow, and sees what goes in and comes out. */
export interface PassObserver {
  step(step: CompiledStep, pass: RunningPass): StepResult | Promise<StepResult>
  /** One of the things that a process does; the answer is told how it ended. `node` is null for what it does not declare. */
  asked(
    place: string,
    kind: string,
    node: StepNode | null,
    input: unknown,
  ): (outcome: 'done' | 'failed', output: unknown) => void
}
