import { AssertionError } from 'node:assert'
import { performance } from 'node:perf_hooks'
import { type Duration, durationMs } from '../model/duration.ts'
import type { Flow } from '../patterns/steps.ts'
import { type Fakes, fakeFlows } from './fake-flow.ts'
import { seededRandom } from './seeded-random.ts'
import {
  type Boundary,
  type BoundaryKind,
  FAULTS,
  type FaultName,
  type Planned,
  planId,
} from './sweep/boundaries.ts'
import { judge, knowsRepeats } from './sweep/judge.ts'
import type { Outcome } from './sweep/outcome.ts'
import { type Ran, runOnce, type SweepSetup } from './sweep/run.ts'
import type { Scenario } from './sweep/scenario.ts'
import { flowsOf } from './test-flow.ts'
import type { WorldSettings } from './test-world.ts'

/** How a crash sweep is made. */
export interface CrashSweepOptions extends WorldSettings {
  /** What stands in for the flows' operations, by `connection.operation`. */
  readonly operations?: Fakes
  /** Where chance is drawn from. @default 1 */
  readonly seed?: number | string
  /** How many faults a run has at most; two are tried in a sample of all pairs. @default 1 */
  readonly depth?: 1 | 2
  /** How many pairs of faults are tried with `depth: 2`. @default 200 */
  readonly samples?: number
  /**
   * Whether each delivery is made twice, which must change nothing.
   * @default where the flow says how it knows repeated ones: `dedupe` on the source or as a step, or a `dedupeKey`
   */
  readonly duplicates?: boolean
  /** Whether neighbouring deliveries are swapped. @default true */
  readonly reorder?: boolean
  /** How long an engine is away after a crash. @default '1s' */
  readonly downtime?: Duration
  /** Makes a body, input, reply or state comparable, where it holds something of time or chance. */
  readonly normalize?: (value: unknown) => unknown
  /** Runs only one run, as a failure names it: `'23:kill-after'`. */
  readonly only?: string
}

/** What a crash sweep that found nothing wrong has seen. */
export interface CrashSweepReport {
  /** Where faults were tried: in all, and by kind. */
  readonly boundaries: number
  readonly kinds: Readonly<Record<BoundaryKind, number>>
  readonly runs: number
  /** How many calls were in doubt over all runs, as their guarantee allows. */
  readonly inDoubt: number
  /** How often a message used up the attempts of its policy because of a fault, and went the way that it states. */
  readonly byPolicy: number
  readonly seconds: number
}

/** What a crash sweep that found something throws: an `AssertionError` with these details. */
export interface CrashSweepFailure extends AssertionError {
  readonly sweep: {
    /** The run, for the option `only`. */
    readonly run: string
    readonly seed: number | string
    /** The boundaries with their faults, in words; empty for the undisturbed run. */
    readonly faults: readonly { readonly boundary: string; readonly fault: string }[]
    readonly differences: readonly string[]
  }
}

/**
 * Kills the engine at every boundary of a scenario, and lets every other fault happen there, one per run; then checks
 * that the outcome is that of the undisturbed run.
 *
 * It first runs the scenario undisturbed, twice, and counts what enters and leaves the engine: deliveries, commits of
 * the journal, calls, questions after calls, and timers. Then, for each of them and each fault:
 * - a delivery is made twice (at once, and when all is over), or after the next one;
 * - a commit is lost, or is written and its answer lost, with the engine; or the engine dies right after it; or the
 *   journal does not answer (having written or not) or is full;
 * - a call is lost with the engine before it is sent or before its answer comes; times out before or after it took
 *   effect; is answered 429 or 503; one that can be asked after takes effect only after its time limit;
 * - a question is lost with the engine, times out or is answered 503;
 * - the engine dies when a timer is due.
 *
 * After each run the engine is started again on the same journal until every message has ended. Then the endings of
 * all messages, replies, what was published, engine state and the effects at every fake system must be those of the
 * undisturbed run. What may differ:
 * - a call of guarantee `none` may have been in doubt. It is resolved by what the system knows, and must not be doubled.
 *   Where the message in doubt was the child of a split, its parent went on without it, and only doubling is judged.
 * - an operation of guarantee `natural` may have been repeated. Its set of inputs, or the state of its fake, is the same.
 * - a message whose policy allowed no further attempt goes the way that the policy states; only doubling is judged.
 * - a flow that knows repeated deliveries by a `dedupe` step ends the second one as *filtered*.
 *
 * In every run, messages of one key must take effect in the order in which they were accepted, one wholly before the
 * next. When two deliveries of the same key are swapped, their new order is the right one, so that the outcome is not
 * held against the undisturbed one; when they have different keys, or none, nobody promises an order, so the outcome
 * must not depend on it.
 *
 * @throws {CrashSweepFailure} naming the boundary, the fault, and what differs.
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { flow, inbox } from 'linkspan'
 * import { crashSweep, fakeOperation } from 'linkspan/testing'
 * const charge = fakeOperation<{ order: string }>('bank.charge', { kind: 'key', validFor: '24h' })
 * const pay = flow('pay')
 *   .from(inbox<{ order: string }>(), { key: (order) => order.order })
 *   .to('charge', charge)
 *
 * test('charges once, whatever happens', async () => {
 *   await crashSweep(pay, ({ send }) => {
 *     send({ order: 'a' })
 *     send({ order: 'b' })
 *   })
 * })
 * ```
 */
export async function crashSweep<const L extends Flow>(
  flows: L | readonly [L, ...Flow[]],
  scenario: Scenario<L>,
  options: CrashSweepOptions = {},
): Promise<CrashSweepReport> {
  const began = performance.now()
  const faked = fakeFlows(flowsOf(flows), options.operations ?? {})
  const setup: SweepSetup = {
    ...faked,
    scenario: scenario as Scenario,
    settings: options,
    seed: options.seed ?? 1,
    downtimeMs: durationMs(options.downtime ?? '1s'),
    normalize: options.normalize ?? ((value) => value),
  }
  const sweep = createSweep(setup, options)
  const before = await sweep.undisturbed()
  const plans = plansOf(before, setup, options)
  const deep = options.depth === 2 && options.only === undefined
  const single: Course[] = []
  for (const plan of plans) {
    const { boundaries } = await sweep.disturbed(before, plan)
    if (deep) single.push({ plan, boundaries })
  }
  if (deep)
    for (const plan of pairs(single, setup.seed, options.samples ?? 200)) await sweep.disturbed(before, plan)
  return { ...sweep.totals(before), seconds: (performance.now() - began) / 1_000 }
}

/** The way that a run took. */
type Course = Pick<Ran, 'plan' | 'boundaries'>

type Reference = Ran & { readonly outcome: Outcome }

interface Sweep {
  undisturbed(): Promise<Reference>
  disturbed(before: Reference, plan: readonly Planned[]): Promise<Ran>
  totals(before: Reference): Omit<CrashSweepReport, 'seconds'>
}

function createSweep(setup: SweepSetup, options: CrashSweepOptions): Sweep {
  const judging = { flows: setup.flows, projectPolicy: options.onError }
  let runs = 0
  let inDoubt = 0
  let byPolicy = 0

  const run = (plan: readonly Planned[]): Promise<Ran> => {
    runs += 1
    return runOnce(setup, plan)
  }

  return {
    async undisturbed() {
      const before = await run([])
      const { outcome } = before
      if (outcome === null) throw before.error
      const reference = { ...before, outcome }
      const { differences } = judge(reference, reference, judging)
      if (differences.length > 0) throw failure(reference, reference, differences, setup.seed, UNDISTURBED)
      const again = await run([])
      const found = judge(reference, again, judging).differences
      if (found.length > 0) throw failure(reference, again, found, setup.seed, UNREPEATABLE)
      return reference
    },
    async disturbed(before, plan) {
      const after = await run(plan)
      const verdict = judge(before, after, judging)
      if (verdict.differences.length > 0)
        throw failure(before, after, verdict.differences, setup.seed, DIFFERENT)
      inDoubt += verdict.inDoubt
      byPolicy += verdict.byPolicy
      return after
    },
    totals: ({ boundaries }) => ({
      boundaries: boundaries.length,
      kinds: kindsOf(boundaries),
      runs,
      inDoubt,
      byPolicy,
    }),
  }
}

const UNDISTURBED = 'The undisturbed scenario breaks a rule by itself.'
const UNREPEATABLE =
  'The undisturbed scenario comes out differently when it is run again: something is kept outside of messages and engine state (a variable of a module, say), or comes from time or chance that the flow takes by itself.'
const DIFFERENT = 'The flow does not come out as it does undisturbed.'

function kindsOf(boundaries: readonly Boundary[]): Record<BoundaryKind, number> {
  const count = (kind: BoundaryKind): number => boundaries.filter((each) => each.kind === kind).length
  return {
    delivery: count('delivery'),
    commit: count('commit'),
    call: count('call'),
    question: count('question'),
    timer: count('timer'),
  }
}

/** All runs with one fault, or the only one that is wanted. */
function plansOf(
  { boundaries, outcome }: Reference,
  { flows }: SweepSetup,
  options: CrashSweepOptions,
): readonly (readonly Planned[])[] {
  if (options.only !== undefined) return [parsePlan(options.only)]
  const deliveries = boundaries.filter(({ kind }) => kind === 'delivery').length
  const knows = (n: number): boolean => {
    const delivery = outcome.delivered.find((each) => each.n === n)
    if (!delivery || delivery.refused !== null) return false
    const dedupeKey = delivery.options.dedupeKey !== undefined
    return options.duplicates ?? knowsRepeats({ flows, flow: delivery.flow, dedupeKey })
  }
  const applies = ({ kind, count, askable }: Boundary, fault: FaultName): boolean => {
    if (kind !== 'delivery') return askable || !fault.endsWith('late')
    return fault === 'swapped' ? (options.reorder ?? true) && count < deliveries : knows(count)
  }
  return boundaries.flatMap((boundary) =>
    (Object.keys(FAULTS[boundary.kind]) as FaultName[])
      .filter((fault) => applies(boundary, fault))
      .map((fault) => [{ at: boundary.number, fault }]),
  )
}

function parsePlan(text: string): readonly Planned[] {
  return text.split(',').map((part) => {
    const [at, fault] = part.split(':')
    return { at: Number(at), fault: fault as FaultName }
  })
}

/** A sample of runs with a second fault behind a first one. */
function pairs(
  single: readonly Course[],
  seed: number | string,
  samples: number,
): readonly (readonly Planned[])[] {
  const random = seededRandom(`${seed} pairs`)
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random.next() * all.length)]
  return Array.from({ length: samples }).flatMap(() => {
    const first = pick(single)
    const behind = first?.boundaries.slice(first.plan[0]?.at).filter(({ kind }) => kind !== 'delivery')
    const second = behind && pick(behind)
    const faults = second && (Object.keys(FAULTS[second.kind]) as FaultName[])
    const fault = faults && pick(faults.filter((each) => second.askable || !each.endsWith('late')))
    return first && second && fault ? [[...first.plan, { at: second.number, fault }]] : []
  })
}

const SHOWN = 12

function failure(
  before: Reference,
  { plan, boundaries, outcome }: Ran,
  differences: readonly string[],
  seed: number | string,
  what: string,
): CrashSweepFailure {
  const { name } = (outcome ?? before.outcome).names
  const faults = plan.map(({ at, fault }) => {
    const boundary = boundaries[at - 1]
    if (!boundary) return { boundary: `boundary ${at} was not come to`, fault }
    const { kind, count } = boundary
    const all = boundaries.filter((each) => each.kind === kind).length
    return {
      boundary: `${kind} ${count} of ${all}: ${boundary.describe(name)}`,
      fault: FAULTS[kind][fault] ?? fault,
    }
  })
  const run = planId(plan)
  const lines = [
    what,
    ...faults.flatMap(({ boundary, fault }) => [`  at ${boundary}`, `     ${fault}`]),
    ...differences.slice(0, SHOWN).map((line) => `  - ${line}`),
    ...(differences.length > SHOWN ? [`  … and ${differences.length - SHOWN} more`] : []),
    plan.length === 0 ? `  seed ${seed}` : `  seed ${seed}; this run alone: { only: '${run}' }`,
  ]
  const error = new AssertionError({ message: lines.join('\n'), operator: 'crashSweep' })
  return Object.assign(error, { sweep: { run, seed, faults, differences } })
}
