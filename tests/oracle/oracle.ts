/** A run of Apache Camel as the oracle: cases by seed, both engines, what differs, and controls that must be noticed. */
import type { Report, Row } from '../torture/report.ts'
import { type Camel, startCamel } from './camel.ts'
import type { Case, Outcome } from './case.ts'
import { isSame } from './compare.ts'
import { DIFFERENCES } from './differences.ts'
import { casesOf, GENERATORS } from './generate/generate.ts'
import { installCamel } from './install.ts'
import { judge, type Verdict } from './judge.ts'
import { runInLinkspan } from './linkspan.ts'
import { alterations, planted } from './planted.ts'
import { PROBES, probes } from './probes.ts'

/** What is asked for. */
export interface OracleRun {
  readonly first: number
  readonly seeds: number
  readonly seconds: number | null
  readonly say: (line: string) => void
}

interface Count {
  cases: number
  late: number
  planted: number
  noticed: number
}

/** What a run has found so far. */
interface Found {
  seeds: number
  readonly counts: Map<string, Count>
  readonly observed: Map<string, number>
  readonly altered: { made: number; noticed: number }
  readonly violations: { kind: string; says: string }[]
}

/** So many cases are with Camel at once: those of which time is a part mostly wait, the others keep it busy. */
const AT_ONCE = { timed: 32, untimed: 4 } as const
/** Of so many cases that were judged, one may have been given up since the machine was too late. */
const LATE_SHARE = 50
const ENOUGH_VIOLATIONS = 50
const SEEDS_IN_A_ROW = 25
/** A wrong expectation often changes nothing, but not so often. */
const ENOUGH_PLANTED = 10

/** Runs it where Camel can be run, and reports; else says why not. */
export async function oracleReport(run: OracleRun): Promise<Report | { readonly skipped: string }> {
  const program = await installCamel(run.say)
  if ('missing' in program) return { skipped: program.missing }
  const camel = await startCamel(program)
  try {
    run.say(`Apache Camel ${camel.versions.camel}, Java ${camel.versions.java}`)
    // Classes that are loaded for the first time take longer than a tick.
    await Promise.all(casesOf(0).map((one) => camel.run(one)))
    return await compareWith(run, camel)
  } finally {
    await camel.stop()
  }
}

/** Compares with whatever answers for Camel, and reports. */
export async function compareWith(run: OracleRun, camel: Camel): Promise<Report> {
  return reportOf(run, camel, await compareAll(run, camel))
}

async function compareAll({ first, seeds, seconds, say }: OracleRun, camel: Camel): Promise<Found> {
  const found = nothingYet()
  const ends = seconds === null ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1_000
  const list = Array.from({ length: seeds }, (_none, index) => first + index)
  const goesOn = (): boolean => performance.now() < ends && found.violations.length < ENOUGH_VIOLATIONS
  await atOnce(probes, AT_ONCE.timed, (one) => compareOne(one, camel, found, say))
  while (list.length > 0 && goesOn()) {
    const cases = list.splice(0, SEEDS_IN_A_ROW).flatMap((seed) => casesOf(seed))
    // Making a context takes a processor for itself, so what is timed is not disturbed by all the others.
    for (const kind of ['untimed', 'timed'] as const) {
      const some = cases.filter(({ ticks }) => ticks > 0 === (kind === 'timed'))
      await atOnce(some, AT_ONCE[kind], (one) => compareOne(one, camel, found, say))
    }
    found.seeds = seeds - list.length
    say(`seeds ${found.seeds}  differences ${found.violations.length}`)
  }
  return found
}

async function atOnce(
  cases: readonly Case[],
  most: number,
  work: (one: Case) => Promise<void>,
): Promise<void> {
  const rest = [...cases]
  const worker = async (): Promise<void> => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await work(one)
  }
  await Promise.all(Array.from({ length: most }, worker))
}

function nothingYet(): Found {
  const none = (): Count => ({ cases: 0, late: 0, planted: 0, noticed: 0 })
  return {
    seeds: 0,
    counts: new Map([...Object.keys(GENERATORS), PROBES].map((pattern) => [pattern, none()])),
    observed: new Map(DIFFERENCES.map(({ id }) => [id, 0])),
    altered: { made: 0, noticed: 0 },
    violations: [],
  }
}

async function compareOne(one: Case, camel: Camel, found: Found, say: OracleRun['say']): Promise<void> {
  const count = found.counts.get(one.pattern) as Count
  const ours = await runInLinkspan(one)
  const verdict = await judgeTwice(one, ours, camel)
  if (verdict.same === null) {
    count.late += 1
    return
  }
  count.cases += 1
  for (const id of verdict.observed) found.observed.set(id, (found.observed.get(id) ?? 0) + 1)
  if (!verdict.same) {
    found.violations.push({ kind: one.pattern, says: `${one.id}: ${verdict.says}` })
    say(`DIFFERENT ${one.id}: ${verdict.says}`)
    return
  }
  await tryControls(one, verdict, count, found)
}

/** What differs by time alone is run again at the slowest: what differs then too is no matter of this machine. */
async function judgeTwice(one: Case, ours: Outcome, camel: Camel): Promise<Verdict> {
  const verdict = await judge(one, ours, camel)
  if (verdict.same !== false || one.ticks === 0) return verdict
  return judge(one, ours, { run: camel.runSlowly })
}

/** What agreed must no longer agree when one thing is changed, in the case or in the answer. */
async function tryControls(one: Case, verdict: Verdict, count: Count, { altered }: Found): Promise<void> {
  const { expected, view } = verdict
  if (expected === null) return
  const other = planted(one)
  if (other !== null) {
    count.planted += 1
    if (!isSame(one, expected, view(await runInLinkspan(other)))) count.noticed += 1
  }
  for (const { outcome } of alterations(expected, one.ordered)) {
    altered.made += 1
    if (!isSame(one, expected, outcome)) altered.noticed += 1
  }
}

function reportOf({ first, seeds }: OracleRun, camel: Camel, found: Found): Report {
  const { counts, altered } = found
  const all = [...counts].map(([pattern, count]) => ({ pattern, ...count }))
  const sum = (of: (count: Count) => number): number => all.reduce((total, each) => total + of(each), 0)
  const rows: readonly Row[] = [
    ['Apache Camel', camel.versions.camel],
    ['Java', camel.versions.java],
    ['seeds', `${found.seeds} of ${seeds}, from ${first} on`],
    ['cases compared', sum(({ cases }) => cases)],
    ['cases that differ without being listed', found.violations.length],
    ['run again, as the machine was late', camel.again],
    ['given up, as it was always late', sum(({ late }) => late)],
    [
      'control: wrong expectations, planted in one of both engines',
      `${sum(({ noticed }) => noticed)} of ${sum((count) => count.planted)} changed the outcome and were noticed`,
    ],
    ['control: altered answers', `${altered.noticed} of ${altered.made} noticed`],
  ]
  return {
    name: `oracle-${found.seeds}`,
    command: `npm run torture -- --oracle --seeds ${seeds} --seed ${first}`,
    rows,
    violations: [...found.violations, ...brokenControls(found)],
    text: `${tableOfPatterns(found)}\n\n${tableOfDifferences(found)}`,
    data: {
      versions: camel.versions,
      seeds: found.seeds,
      patterns: Object.fromEntries(counts),
      differences: Object.fromEntries(found.observed),
      altered,
    },
  }
}

/** What makes the comparison itself doubtful. */
function brokenControls({ counts, observed, altered }: Found): readonly { kind: string; says: string }[] {
  const unseen = [...observed].filter(([, times]) => times === 0).map(([id]) => id)
  const blind = [...counts]
    .filter(([, { planted: made, noticed }]) => made >= ENOUGH_PLANTED && noticed === 0)
    .map(([pattern]) => pattern)
  const late = [...counts].filter(([, count]) => count.late * LATE_SHARE > count.cases)
  return [
    ...unseen.map((id) => ({ kind: 'listed', says: `no case showed the difference ${id}` })),
    ...blind.map((name) => ({ kind: 'control', says: `no wrong expectation was noticed in ${name}` })),
    ...late.map(([name, { late: many }]) => ({
      kind: 'late',
      says: `${many} cases of ${name} were given up`,
    })),
    ...(altered.noticed < altered.made
      ? [{ kind: 'control', says: `${altered.made - altered.noticed} altered answers were not noticed` }]
      : []),
  ]
}

function tableOfPatterns({ counts }: Found): string {
  const lines = [...counts].map(
    ([pattern, { cases, planted: made, noticed }]) => `| ${pattern} | ${cases} | ${noticed} of ${made} |`,
  )
  return [
    'Cases of each pattern, and how many of the wrong expectations changed its outcome:',
    '',
    '| pattern | cases | noticed |',
    '|---|---|---|',
    ...lines,
  ].join('\n')
}

function tableOfDifferences({ observed }: Found): string {
  const lines = DIFFERENCES.map(
    ({ id, camel, linkspan, reason, pages }) =>
      `| ${pages.map(linkTo).join(', ')} | ${camel} | ${linkspan} | ${reason} | ${observed.get(id) ?? 0} |`,
  )
  return [
    'What differs on purpose. Each was taken into account in the comparison, and seen in so many cases:',
    '',
    '| page | Camel | Linkspan | reason | cases |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

const linkTo = (page: string): string => `[${page}](../../../docs/patterns/${page}.md)`
