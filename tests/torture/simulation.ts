/** The part of the long proof that runs the engine in a simulated world, once for each seed. */
import { availableParallelism } from 'node:os'
import process, { stdout, version } from 'node:process'
import { fileURLToPath } from 'node:url'
import { coverageTables, emptyCells } from '../faults/simulation/failpoints.ts'
import { runParallel } from '../faults/simulation/parallel.ts'
import { retold } from '../faults/simulation/retold.ts'
import { lacking, shownRanges } from '../faults/simulation/seed-ranges.ts'
import { added, commandFor, enginesOf, type SeedsResult } from '../faults/simulation/seeds.ts'
import { simulate } from '../faults/simulation/simulate.ts'
import { type Piece, piecesTable, readPieces, violationsOf, writePiece } from './pieces.ts'
import { commitOf, type Report, type Row } from './report.ts'

/** Which seeds. */
export interface SimulationPart {
  readonly first: number
  readonly count: number
  /** How many engines each run has; null for those that its seed says. */
  readonly engines: number | null
  readonly seconds: number | null
  /** A folder that keeps what is run in pieces, and from which a run goes on; null for none. */
  readonly pieces: string | null
  /** Print all that happened, for a few seeds. */
  readonly story: boolean
}

/** What a report says of it. */
export interface SimulationReport extends Pick<Report, 'rows' | 'violations' | 'data'> {
  readonly text: string
}

/** What ends a run early: what is under way is finished, and counted. */
const ENDING = ['SIGINT', 'SIGTERM'] as const

/** From so many seeds on, a fault that never struck is a failure. */
const ALL_CELLS_FROM = 500

/** Runs the seeds, and answers what a report says of them. */
export async function simulation(part: SimulationPart): Promise<SimulationReport> {
  if (part.story) await tellStories(part)
  const began = performance.now()
  const before = part.pieces === null ? [] : readPieces(part.pieces)
  const now = await runLacking(part, before)
  const seconds = (performance.now() - began) / 1_000
  const [failed] = now.failed
  if (failed) stdout.write(`\n${retold(await simulate(failed.seed, failed))}\n`)
  return part.pieces === null ? reportOf(part, now, seconds) : reportOfAll(part, readPieces(part.pieces))
}

/** Runs the seeds that no piece has. Ends early, and well, when it is asked to. */
async function runLacking(part: SimulationPart, before: readonly Piece[]): Promise<SeedsResult> {
  const ranges = lacking(part, before)
  const count = ranges.reduce((sum, range) => sum + range.count, 0)
  const end = new AbortController()
  const enough = (): void => end.abort()
  for (const signal of ENDING) process.once(signal, enough)
  try {
    return await runParallel<SeedsResult>({
      program: fileURLToPath(import.meta.resolve('../faults/simulation/simulation-share.ts')),
      added,
      ranges,
      ...(part.engines === null ? {} : { engines: part.engines }),
      withinMs: part.seconds === null ? null : part.seconds * 1_000,
      enough: end.signal,
      processes: Math.min(2, availableParallelism()),
      onFailed: ({ seed, violations }) =>
        stdout.write(
          `\nseed ${seed}: ${violations.map(({ kind, says }) => `${kind}: ${says}`).join('; ')}\n`,
        ),
      onProgress: (done) => showProgress(done, count),
      onShare: (first) => keepPiece(part, first),
    })
  } finally {
    for (const signal of ENDING) process.off(signal, enough)
  }
}

/** Keeps what a process ran, if the code was the same when it began and when it ended. */
function keepPiece({ pieces, engines }: SimulationPart, first: number): (result: SeedsResult) => void {
  const commit = commitOf()
  const began = performance.now()
  return (result) => {
    if (pieces === null) return
    if (commitOf() !== commit) {
      stdout.write(`the code changed under the seeds from ${first} on: they are not kept\n`)
      return
    }
    const seconds = (performance.now() - began) / 1_000
    const at = new Date().toISOString()
    writePiece(pieces, { first, count: result.seeds, engines, commit, node: version, at, seconds, result })
  }
}

function reportOf(part: SimulationPart, result: SeedsResult, seconds: number): SimulationReport {
  const rate = `${seconds.toFixed(0)} s, ${(result.seeds / seconds).toFixed(0)} seeds a second`
  const text = tablesOf(result)
  return {
    rows: [
      ['seeds', `${result.seeds} of ${part.count}, from ${part.first} on`],
      ...rowsOf(part, result),
      ['time', rate],
    ],
    text,
    violations: [
      ...result.failed.flatMap(({ seed, engines, violations }) =>
        violations.map(({ kind, says }) => ({ kind, says: `${says} (${commandFor(seed, engines)})` })),
      ),
      ...unstruck(part, result),
    ],
    data: { ...result, seconds },
  }
}

/** What all pieces of a folder come to, whenever they were run. */
function reportOfAll(part: SimulationPart, pieces: readonly Piece[]): SimulationReport {
  const result = added(pieces.map((piece) => piece.result))
  const seconds = pieces.reduce((sum, piece) => sum + piece.seconds, 0)
  const text = `What was run, and of which commit:\n\n${piecesTable(pieces)}\n\n${tablesOf(result)}`
  return {
    rows: [
      ['seeds', `${result.seeds} of ${part.count}: ${shownRanges(pieces)}`],
      ...rowsOf(part, result),
      ['time', `${seconds.toFixed(0)} s of one process, in ${pieces.length} pieces`],
    ],
    text,
    violations: [...violationsOf(pieces), ...unstruck(part, result)],
    data: { ...result, pieces: pieces.map(({ result: _, ...piece }) => piece) },
  }
}

function tablesOf({ coverage }: SeedsResult): string {
  const text = coverageTables(coverage)
  stdout.write(`\n\n${text}\n`)
  return `How often each fault struck at each failpoint:\n\n${text}`
}

function unstruck({ engines }: SimulationPart, { seeds, coverage }: SeedsResult): Report['violations'] {
  const empty = seeds < ALL_CELLS_FROM ? [] : emptyCells(coverage, engines ?? 'both')
  return empty.map((cell) => ({ kind: 'coverage', says: `${cell} never happened` }))
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
  { engines }: SimulationPart,
  { seeds, shared, failed, repeated, figures, coverage }: SeedsResult,
): readonly Row[] {
  const each = (sum: number): string => (sum / Math.max(1, seeds)).toFixed(1)
  return [
    ['engines', engines ?? '1, and 3 in every fourth seed'],
    ['seeds in which several engines shared the journal', shared],
    ['seeds that broke a promise', failed.length],
    ['run twice, to the same bit', repeated],
    ['messages', `${figures.messages}, ${each(figures.messages)} a seed`],
    ['faults', `${figures.faults}, ${each(figures.faults)} a seed`],
    ['engines killed', `${figures.kills}, ${each(figures.kills)} a seed`],
    ['engines stopped', `${figures.stops}, ${each(figures.stops)} a seed`],
    ['engines frozen', `${figures.freezes}, ${each(figures.freezes)} a seed`],
    ['engines that joined', `${figures.joins}, ${each(figures.joins)} a seed`],
    [
      'messages lent to an engine of the other version, or with the flow',
      `${figures.lent}, ${each(figures.lent)} a seed`,
    ],
    ['runs in which some flows were on some of the engines only', figures.partial],
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
