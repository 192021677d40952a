/** Many runs of random flows, and what they come to. */
import { type Coverage, summed } from '../simulation/failpoints.ts'
import type { FailedSeed } from '../simulation/seeds.ts'
import { KINDS } from './kinds/index.ts'
import { type Figures, type Outcome, type PerKind, run } from './run.ts'

/** What a number of runs come to. Plain data, so that several processes can add theirs up. */
export interface PatternsResult {
  readonly seeds: number
  readonly failed: readonly FailedSeed[]
  /** How many were run twice, to the same digest. */
  readonly repeated: number
  readonly figures: Figures
  /** Of each kind of steps: how many were drawn, in how many runs, and how often messages met them. */
  readonly drawn: PerKind
  readonly runs: PerKind
  readonly visits: PerKind
  readonly coverage: Coverage
}

/** Which seeds. */
export interface SeedsOptions {
  readonly first: number
  readonly count: number
  /** One in so many is run twice. @default 50 */
  readonly repeatEvery?: number
  readonly onSeed?: (outcome: Outcome) => void
  /** Said after each run: whether to go on. */
  readonly goOn?: () => boolean
}

const KEPT = 100

/** All kinds, with the one that is a part of a flow and not drawn among its steps. */
const ALL: readonly string[] = [...KINDS.keys(), 'onCompletion']

/** Runs the seeds from `first` on. */
export async function runSeeds(options: SeedsOptions): Promise<PatternsResult> {
  const { first, count, repeatEvery = 50, onSeed, goOn = () => true } = options
  let result = added([])
  for (let at = 0; at < count && goOn(); at += 1) {
    const outcome = await run(first + at)
    const repeats = at % repeatEvery === 0
    const violations = [...outcome.violations, ...(repeats ? await repeat(outcome) : [])]
    result = added([result, resultOf(outcome, violations, repeats)])
    onSeed?.(outcome)
  }
  return result
}

function resultOf(
  { seed, figures, drawn, visits, coverage }: Outcome,
  violations: Outcome['violations'],
  repeats: boolean,
): PatternsResult {
  return {
    seeds: 1,
    repeated: repeats ? 1 : 0,
    failed: violations.length > 0 ? [{ seed, engines: 1, violations }] : [],
    figures,
    drawn,
    runs: Object.fromEntries(Object.keys(drawn).map((kind) => [kind, 1])),
    visits,
    coverage,
  }
}

/** A run is the same when it is repeated, or its seed is of no use. */
async function repeat(before: Outcome): Promise<Outcome['violations']> {
  const again = await run(before.seed)
  if (again.digest === before.digest) return []
  const at = before.story.findIndex((line, index) => again.story[index] !== line)
  const says = `the run was another one when it was repeated. "${before.story[at]}" became "${again.story[at]}"`
  return [{ kind: 'failed', says }]
}

const FIGURES: readonly (keyof Figures)[] = [
  'messages',
  'children',
  'effects',
  'calls',
  'kills',
  'stops',
  'faults',
  'commits',
]

/** The sum of several results. */
export function added(results: readonly PatternsResult[]): PatternsResult {
  const sum = (of: (result: PatternsResult) => number): number =>
    results.reduce((all, result) => all + of(result), 0)
  const perKind = (of: (result: PatternsResult) => PerKind): PerKind =>
    Object.fromEntries(ALL.map((kind) => [kind, sum((result) => of(result)[kind] ?? 0)]))
  return {
    seeds: sum(({ seeds }) => seeds),
    repeated: sum(({ repeated }) => repeated),
    failed: results.flatMap(({ failed }) => failed).slice(0, KEPT),
    figures: Object.fromEntries(
      FIGURES.map((name) => [name, sum(({ figures }) => figures[name])]),
    ) as unknown as Figures,
    drawn: perKind(({ drawn }) => drawn),
    runs: perKind(({ runs }) => runs),
    visits: perKind(({ visits }) => visits),
    coverage: summed(results.map(({ coverage }) => coverage)),
  }
}

/** Kinds of steps that were never drawn, or that no message met. */
export function untried({ drawn, visits }: PatternsResult): readonly string[] {
  return ALL.filter((kind) => (drawn[kind] ?? 0) === 0 || (visits[kind] ?? 0) === 0)
}

/** The counts as a table in Markdown. */
export function kindsTable({ drawn, runs, visits }: PatternsResult): string {
  const rows = ALL.toSorted().map(
    (kind) => `| \`${kind}\` | ${runs[kind] ?? 0} | ${drawn[kind] ?? 0} | ${visits[kind] ?? 0} |`,
  )
  return ['| step | runs that had it | steps drawn | met by messages |', '|---|---|---|---|', ...rows].join(
    '\n',
  )
}

/** How often engines were killed, by where. */
export function killsByPlace({ coverage }: PatternsResult): Readonly<Record<string, number>> {
  const places: Record<string, number> = {}
  for (const [cell, times] of Object.entries(coverage)) {
    const [at = '', fault = ''] = cell.split(': ')
    if (fault.startsWith('killed')) places[at] = (places[at] ?? 0) + times
  }
  return places
}

/** How a seed is repeated by hand. */
export const commandFor = (seed: number): string =>
  `npm run torture -- --patterns --seeds 1 --seed ${seed} --story`
