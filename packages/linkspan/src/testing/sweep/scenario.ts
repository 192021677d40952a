import type { Duration } from '../../model/duration.ts'
import type { Flow } from '../../patterns/steps.ts'
import type { EventDeclaration } from '../../patterns/wait-for.ts'
import type { AcceptsOf, SendOptions } from '../../runtime/engine-api.ts'
import type { FakeOperation } from '../fake-operation.ts'

/** What a scenario of a crash sweep can do. It is run many times, so it must do the same each time. */
export interface ScenarioSteps<L extends Flow = Flow> {
  /**
   * Hands a message for the first flow to a sender, which delivers it like a good source: in order, and again when the
   * engine died before it acknowledged. It comes in as soon as the scenario waits for something or ends.
   */
  send(body: AcceptsOf<L>, options?: SendOptions): void
  /** The same for another flow. */
  sendTo<M extends Flow>(flow: M, body: AcceptsOf<M>, options?: SendOptions): void
  /** Raises an event from outside, as `engine.raise` does; it is delivered like a message. */
  raise<V>(event: EventDeclaration<V>, key: string | number, value: NoInfer<V>): void
  /** Completes the group of a key of an `aggregate` step, or without a key all of them; it is delivered like a message. */
  completeGroups(flow: Flow, step: string, key?: string): void
  /** Lets time pass. */
  advance(by: Duration): Promise<void>
  /** Waits until every message has ended. The end of the scenario does that too. */
  run(): Promise<void>
  /** The fake that stands for an operation, to say what becomes of its calls. */
  fake(operation: string): FakeOperation
}

/** What happens around the flows of a crash sweep. */
export type Scenario<L extends Flow = Flow> = (steps: ScenarioSteps<L>) => void | Promise<void>
