/** The part of the long proof that runs random flows of random patterns in a simulated world, once for each seed. */
import { availableParallelism } from 'node:os'
import { stdout } from 'node:process'
import { fileURLToPath } from 'node:url'
import { CONTROLS, type Control } from '../faults/patterns/controls.ts'
import { findControl } from '../faults/patterns/find-control.ts'
import { retold } from '../faults/patterns/retold.ts'
import { run } from '../faults/patterns/run.ts'
import {
  added,
  commandFor,
  killsByPlace,
  kindsTable,
  type PatternsResult,
  untried,
} from '../faults/patterns/seeds.ts'
import { runParallel } from '../faults/simulation/parallel.ts'
import type { Report, Row } from './report.ts'

/** Which seeds. */
export interface PatternsPart {
  readonly first: number
  readonly count: number
  readonly seconds: number | null
  /** Print all that happened, for a few seeds. */
  readonly story: boolean
  /** Whether each fault is planted in turn, too. */
  readonly controls: boolean
}

/** What a report says of it. */
export interface PatternsReport extends Pick<Report, 'rows' | 'violations' | 'data'> {
  readonly text: string
}

/** From so many seeds on, a kind of steps that was never met is a failure. */
const ALL_KINDS_FROM = 100

/** Runs the seeds, and answers what a report says of them. */
export async function patterns(part: PatternsPart): Promise<PatternsReport> {
  if (part.story) await tellStories(part)
  const began = performance.now()
  const result = await runParallel<PatternsResult>({
    program: fileURLToPath(import.meta.resolve('../faults/patterns/patterns-share.ts')),
    added,
    ranges: [{ first: part.first, count: part.count }],
    withinMs: part.seconds === null ? null : part.seconds * 1_000,
    processes: Math.min(2, availableParallelism()),
    onFailed: ({ seed, violations }) =>
      stdout.write(`\nseed ${seed}: ${violations.map(({ kind, says }) => `${kind}: ${says}`).join('; ')}\n`),
    onProgress: (done) => showProgress(done, part.count),
  })
  const seconds = (performance.now() - began) / 1_000
  const [failed] = result.failed
  if (failed) stdout.write(`\n${retold(await run(failed.seed))}\n`)
  const unmet = result.seeds < ALL_KINDS_FROM ? [] : untried(result)
  const planted = part.controls ? await plantAll() : { rows: [], violations: [] }
  const text = kindsTable(result)
  stdout.write(`\n\n${text}\n`)
  return {
    rows: [...rowsOf(part, result, seconds), ...planted.rows],
    text: `How often each kind of step was there:\n\n${text}`,
    violations: [
      ...result.failed.flatMap(({ seed, violations }) =>
        violations.map(({ kind, says }) => ({ kind, says: `${says} (${commandFor(seed)})` })),
      ),
      ...unmet.map((kind) => ({ kind: 'coverage', says: `no message met a step of the kind "${kind}"` })),
      ...planted.violations,
    ],
    data: { ...result, seconds },
  }
}

async function tellStories({ first, count }: PatternsPart): Promise<void> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { story, digest } = await run(seed)
    stdout.write(`${story.join('\n')}\nseed ${seed}, digest ${digest}\n\n`)
  }
}

function showProgress(done: number, count: number): void {
  if (stdout.isTTY) stdout.write(`\r\x1b[2Kseeds ${done} of ${count}`)
  else if (done % 250 === 0 && done > 0) stdout.write(`seeds ${done} of ${count}\n`)
}

/** Plants each fault in turn; each must be found. */
async function plantAll(): Promise<Pick<Report, 'rows' | 'violations'>> {
  const rows: Row[] = []
  const violations: { kind: string; says: string }[] = []
  for (const control of Object.keys(CONTROLS) as Control[]) {
    const { what, within } = CONTROLS[control]
    const found = await findControl(control)
    const says = found
      ? `found in seed ${found.seed} (${found.kinds.join(', ')})`
      : `NOT FOUND within ${within} seeds`
    stdout.write(`${control}: ${says}${found ? `: ${found.says}` : ''}\n`)
    rows.push([`planted: ${what}`, says])
    if (!found) violations.push({ kind: 'control', says: `${what}: ${says}` })
  }
  return { rows, violations }
}

function rowsOf({ first, count }: PatternsPart, result: PatternsResult, seconds: number): readonly Row[] {
  const { seeds, failed, repeated, figures, drawn } = result
  const each = (sum: number): string => `${sum}, ${(sum / Math.max(1, seeds)).toFixed(1)} a seed`
  const places = Object.entries(killsByPlace(result)).toSorted(([, a], [, b]) => b - a)
  return [
    ['seeds', `${seeds} of ${count}, from ${first} on`],
    ['seeds that are not as the reference has them', failed.length],
    ['run twice, to the same bit', repeated],
    ['time', `${seconds.toFixed(0)} s, ${(seeds / seconds).toFixed(1)} seeds a second`],
    ['steps drawn', each(Object.values(drawn).reduce((sum, times) => sum + times, 0))],
    ['messages', each(figures.messages)],
    ['children of them', each(figures.children)],
    ['commits', each(figures.commits)],
    ['calls', each(figures.calls)],
    ['effects', each(figures.effects)],
    ['engines killed', each(figures.kills)],
    ['engines stopped', each(figures.stops)],
    ['faults, kills among them', each(figures.faults)],
    ['where engines were killed', places.map(([at, times]) => `${at} ${times}`).join(', ')],
  ]
}
