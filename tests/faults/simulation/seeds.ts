/** Many runs, one after the other, and what they come to. */
import { type Coverage, summed } from './failpoints.ts'
import { type Figures, type Outcome, type SimulationOptions, simulate } from './simulate.ts'
import type { Violation } from './world.ts'

/** A run that broke a promise, or was another one when it was repeated. */
export interface FailedSeed {
  readonly seed: number
  readonly engines: number
  readonly violations: readonly Violation[]
}

/** What a number of runs come to. Plain data, so that several processes can add theirs up. */
export interface SeedsResult {
  readonly seeds: number
  /** In how many of them several engines shared the journal. */
  readonly shared: number
  readonly failed: readonly FailedSeed[]
  /** How many were run twice, to the same digest. */
  readonly repeated: number
  readonly coverage: Coverage
  /** Sums over all runs. */
  readonly figures: Figures
}

/** How many engines a seed has, unless it is said otherwise: every fourth one has several. */
export const enginesOf = (seed: number): number => (seed % 4 === 0 ? 3 : 1)

/** Which seeds, and how. Without `engines` each seed has those of {@link enginesOf}. */
export interface SeedsOptions extends SimulationOptions {
  readonly first: number
  readonly count: number
  /** One in so many is run twice. @default 49 */
  readonly repeatEvery?: number
  /** Called after each run. */
  readonly onSeed?: (outcome: Outcome) => void
  /** Said after each run: whether to go on. */
  readonly goOn?: () => boolean
}

/** One in so many seeds is run twice. Odd, so that those with several engines are among them. */
const REPEAT_EVERY = 49

const FIGURES: readonly (keyof Figures)[] = [
  'messages',
  'effects',
  'calls',
  'repeats',
  'faults',
  'lives',
  'kills',
  'stops',
  'freezes',
  'joins',
  'lent',
  'partial',
  'commits',
  'resolved',
  'seconds',
]

/** How many failed seeds are kept with what they broke. */
const KEPT = 100

/** Runs the seeds from `first` on. */
export async function runSeeds(options: SeedsOptions): Promise<SeedsResult> {
  const { first, count, repeatEvery = REPEAT_EVERY, onSeed, goOn = () => true } = options
  const results: SeedsResult[] = []
  for (let at = 0; at < count && goOn(); at += 1) {
    const seed = first + at
    const how = { ...options, engines: options.engines ?? enginesOf(seed) }
    const outcome = await simulate(seed, how)
    const repeats = at % repeatEvery === 0
    const violations = repeats ? [...outcome.violations, ...(await repeat(outcome, how))] : outcome.violations
    results.push({
      seeds: 1,
      shared: how.engines > 1 ? 1 : 0,
      repeated: repeats ? 1 : 0,
      failed: violations.length > 0 ? [{ seed, engines: how.engines, violations }] : [],
      coverage: outcome.coverage,
      figures: outcome.figures,
    })
    onSeed?.(outcome)
  }
  return added(results)
}

/** A run is the same when it is repeated, or the simulation is of no use. */
async function repeat(before: Outcome, options: SimulationOptions): Promise<readonly Violation[]> {
  const again = await simulate(before.seed, options)
  if (again.digest === before.digest) return []
  const at = before.story.findIndex((line, index) => again.story[index] !== line)
  const says = `the run was another one when it was repeated. "${before.story[at]}" became "${again.story[at]}"`
  return [{ kind: 'failed', says }]
}

/** The sum of several results. */
export function added(results: readonly SeedsResult[]): SeedsResult {
  const sum = (name: keyof Figures): number => results.reduce((all, { figures }) => all + figures[name], 0)
  return {
    seeds: results.reduce((all, { seeds }) => all + seeds, 0),
    shared: results.reduce((all, { shared }) => all + shared, 0),
    repeated: results.reduce((all, { repeated }) => all + repeated, 0),
    failed: results.flatMap(({ failed }) => failed).slice(0, KEPT),
    coverage: summed(results.map(({ coverage }) => coverage)),
    figures: Object.fromEntries(FIGURES.map((name) => [name, sum(name)])) as unknown as Figures,
  }
}

/** How a seed is repeated by hand. */
export const commandFor = (seed: number, engines: number): string =>
  `npm run torture -- --seeds 1 --seed ${seed} --engines ${engines} --story`
