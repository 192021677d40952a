/** A part of the long proof. */
export type Part =
  | 'kills'
  | 'controls'
  | 'power'
  | 'points'
  | 'flips'
  | 'simulation'
  | 'oracle'
  | 'patterns'
  | 'million'
  | 'gather'
  | 'mutants'

/** All parts, in the order in which they are run. */
const PARTS: readonly Part[] = [
  'kills',
  'controls',
  'power',
  'points',
  'flips',
  'simulation',
  'oracle',
  'patterns',
  'million',
  'gather',
  'mutants',
]

/** What was asked for on the command line. */
export interface Asked {
  readonly all: boolean
  readonly controls: boolean
  readonly powerFailures: boolean
  readonly powerPoints: boolean
  readonly bitFlips: boolean
  readonly seeds: boolean
  readonly oracle: boolean
  readonly patterns: boolean
  readonly million: boolean
  readonly gather: boolean
  readonly mutants: boolean
}

/** The parts that were asked for, in the order in which they are run; kills where nothing else was. */
export function partsOf({
  all,
  controls,
  powerFailures,
  powerPoints,
  bitFlips,
  seeds,
  oracle,
  patterns,
  million,
  gather,
  mutants,
}: Asked): readonly Part[] {
  if (all) return PARTS
  const named: readonly (Part | null)[] = [
    controls ? 'controls' : null,
    powerFailures ? 'power' : null,
    powerPoints ? 'points' : null,
    bitFlips ? 'flips' : null,
    seeds ? 'simulation' : null,
    oracle ? 'oracle' : null,
    patterns ? 'patterns' : null,
    million ? 'million' : null,
    gather ? 'gather' : null,
    mutants ? 'mutants' : null,
  ]
  const parts = named.filter((part) => part !== null)
  return parts.length === 0 ? ['kills'] : parts
}

/** Runs parts one after the other, also after one that failed. Answers those that did. */
export async function runParts(
  parts: readonly Part[],
  runs: Readonly<Record<Part, () => Promise<boolean>>>,
): Promise<readonly Part[]> {
  const failed: Part[] = []
  for (const part of parts) if (!(await runs[part]())) failed.push(part)
  return failed
}
