import type { Flow } from 'linkspan'
import type { CrashSweepOptions, Fakes, Scenario, ScenarioSteps, TestFlow } from 'linkspan/testing'

/** One pattern, shown: flows, what is sent to them, and what has to come of it. */
export interface PatternExample<L extends Flow = Flow> {
  readonly flows: readonly [L, ...Flow[]]
  /** What the systems around answer, by `connection.operation`. */
  readonly operations?: Fakes
  readonly input: Scenario<L>
  /** Looks at what came of it, and may go on from there. */
  readonly outcome: (flows: TestFlow<L>) => void | Promise<void>
  /** What the crash sweep has to know beside. */
  readonly sweep?: Pick<CrashSweepOptions, 'normalize' | 'reorder' | 'duplicates' | 'onError'>
}

/** Types an example, by its first flow. */
export function patternExample<const L extends Flow>(example: PatternExample<L>): PatternExample {
  return example as unknown as PatternExample
}

/** Sends an example's input to flows that run in memory, and lets them come to rest. */
export async function play({ input }: PatternExample, flows: TestFlow): Promise<void> {
  let before: Promise<unknown> = Promise.resolve()
  const then = <T>(step: () => Promise<T>): Promise<T> => {
    const done = before.then(step)
    before = done
    return done
  }
  const steps: ScenarioSteps = {
    send: (body, options) => void then(() => flows.send(body, options)),
    sendTo: (flow, body, options) => void then(() => flows.sendTo(flow, body, options)),
    raise: (event, key, value) => void then(() => flows.raise(event, key, value)),
    completeGroups: (flow, step, key) => void then(() => flows.completeGroups(flow, step, key)),
    advance: (by) => then(() => flows.advance(by)),
    run: () => then(() => flows.run()),
    fake: (operation) => flows.fake(operation),
  }
  await input(steps)
  await then(() => flows.run())
}
