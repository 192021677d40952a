/** The part of the long proof that runs the engine in a simulated world, once for each seed. */
import { availableParallelism } from 'node:os'
import { stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { coverageTables, emptyCells } from '../faults/simulation/failpoints.ts'
import { runParallel } from '../faults/simulation/parallel.ts'
import { retold } from '../faults/simulation/retold.ts'
import { added, commandFor, enginesOf, type SeedsResult } from '../faults/simulation/seeds.ts'
import { simulate } from '../faults/simulation/simulate.ts'
import type { Report, Row } from './report.ts'

/** Which seeds. */
export interface SimulationPart {
  readonly first: number
  readonly count: number
  /** How many engines each run has; null for those that its seed says. */
  readonly engines: number | null
  readonly seconds: number | null
  /** Print all that happened, for a few seeds. */
  readonly story: boolean
}

/** What a report says of it. */
export interface SimulationReport extends Pick<Report, 'rows' | 'violations' | 'data'> {
  readonly text: string
}

/** From so many seeds on, a fault that never struck is a failure. */
const ALL_CELLS_FROM = 500

/** Runs the seeds, and answers what a report says of them. */
export async function simulation(part: SimulationPart): Promise<SimulationReport> {
  if (part.story) await tellStories(part)
  const began = performance.now()
  const result = await runParallel<SeedsResult>({
    program: fileURLToPath(import.meta.resolve('../faults/simulation/simulation-share.ts')),
    added,
    first: part.first,
    count: part.count,
    ...(part.engines === null ? {} : { engines: part.engines }),
    withinMs: part.seconds === null ? null : part.seconds * 1_000,
    processes: Math.min(2, availableParallelism()),
    onFailed: ({ seed, violations }) =>
      stdout.write(`\nseed ${seed}: ${violations.map(({ kind, says }) => `${kind}: ${says}`).join('; ')}\n`),
    onProgress: (done) => showProgress(done, part.count),
  })
  const seconds = (performance.now() - began) / 1_000
  const [failed] = result.failed
  if (failed) stdout.write(`\n${retold(await simulate(failed.seed, failed))}\n`)
  const empty = result.seeds < ALL_CELLS_FROM ? [] : emptyCells(result.coverage, part.engines ?? 'both')
  const text = coverageTables(result.coverage)
  stdout.write(`\n\n${text}\n`)
  return {
    rows: rowsOf(part, result, seconds),
    text: `How often each fault struck at each failpoint:\n\n${text}`,
    violations: [
      ...result.failed.flatMap(({ seed, engines, violations }) =>
        violations.map(({ kind, says }) => ({ kind, says: `${says} (${commandFor(seed, engines)})` })),
      ),
      ...empty.map((cell) => ({ kind: 'coverage', says: `${cell} never happened` })),
    ],
    data: { ...result, seconds },
  }
}

async function tellStories({ first, count, engines }: SimulationPart): Promise<void> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { story, digest } = await simulate(seed, { engines: engines ?? enginesOf(seed) })
    stdout.write(`${story.join('\n')}\nseed ${seed}, digest ${digest}\n\n`)
  }
}

function showProgress(done: number, count: number): void {
  if (stdout.isTTY) stdout.write(`\r\x1b[2Kseeds ${done} of ${count}`)
  else if (done % 1_000 === 0 && done > 0) stdout.write(`seeds ${done} of ${count}\n`)
}

function rowsOf(
  { first, count, engines }: SimulationPart,
  { seeds, failed, repeated, figures, coverage }: SeedsResult,
  seconds: number,
): readonly Row[] {
  const each = (sum: number): string => (sum / Math.max(1, seeds)).toFixed(1)
  return [
    ['seeds', `${seeds} of ${count}, from ${first} on`],
    ['engines', engines ?? '1, and 3 in every fourth seed'],
    ['seeds that broke a promise', failed.length],
    ['run twice, to the same bit', repeated],
    ['time', `${seconds.toFixed(0)} s, ${(seeds / seconds).toFixed(0)} seeds a second`],
    ['messages', `${figures.messages}, ${each(figures.messages)} a seed`],
    ['faults', `${figures.faults}, ${each(figures.faults)} a seed`],
    ['engines killed', `${figures.kills}, ${each(figures.kills)} a seed`],
    ['engines stopped', `${figures.stops}, ${each(figures.stops)} a seed`],
    ['engines frozen', `${figures.freezes}, ${each(figures.freezes)} a seed`],
    ['engines that joined', `${figures.joins}, ${each(figures.joins)} a seed`],
    ['messages lent to the other version', `${figures.lent}, ${each(figures.lent)} a seed`],
    ['commits', figures.commits],
    ['calls', figures.calls],
    ['effects', figures.effects],
    ['repeats that the key system recognised', figures.repeats],
    ['doubts resolved', figures.resolved],
    ['simulated time', `${(figures.seconds / 86_400).toFixed(0)} days`],
    [
      'fault × failpoint',
      `${Object.keys(coverage).length} struck, ${emptyCells(coverage, engines ?? 'both').length} did not`,
    ],
  ]
}
