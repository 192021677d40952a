/** A run of flipped bits with its control, and the report of it. */
import type { Report, Row } from '../report.ts'
import { type FlipOptions, type FlipResult, flipBits } from './flips.ts'

/** What is asked for. */
export interface FlipRun {
  readonly flips: number
  readonly seed: number
  readonly seconds: number | null
  readonly inFolder: <T>(work: (folder: string) => Promise<T>) => Promise<T>
  readonly say: (line: string) => void
}

const CONTROL_FLIPS = 20

/** Runs it, and shows that the judge sees what is silent when nothing has a checksum. */
export async function flipReport({ flips, seed, seconds, inFolder, say }: FlipRun): Promise<Report> {
  const run = (options: Omit<FlipOptions, 'folder' | 'seed'>): Promise<FlipResult> =>
    inFolder((folder) => flipBits({ ...options, folder, seed }))
  const control = await run({ flips: CONTROL_FLIPS, inContent: true, checksums: false })
  const silent = control.violations.filter(({ kind }) => kind === 'silent').length
  say(`${silent > 0 ? 'caught ' : 'MISSED '} no checksums: ${silent} of ${CONTROL_FLIPS} silent`)
  const result = await run({
    flips,
    ...(seconds === null ? {} : { seconds }),
    onProgress: (done) => done % 100 === 0 && say(`flips ${done}`),
  })
  const missed = { kind: 'control', says: 'without checksums no flip was silent' }
  return {
    name: `bit-flips-${result.flips}`,
    command: `npm run torture -- --bit-flips ${flips} --seed ${seed}`,
    rows: [
      ['seed', seed],
      ['flipped bits', result.flips],
      ...outcomeRows(result),
      ['control: no checksums, flips in the content of messages', `${silent} of ${CONTROL_FLIPS} silent`],
    ],
    violations: [...result.violations, ...(silent > 0 ? [] : [missed])],
    text:
      'Told first: an error at the start, a state of the engine, or a message that ended badly; "found by verify" is ' +
      'what `linkspan journal verify` alone found. "nothing" is a bit that nobody reads, or one that did no harm.',
    data: result,
  }
}

function outcomeRows({ outcomes }: FlipResult): readonly Row[] {
  return Object.entries(outcomes).map(([where, counts]) => {
    const sorted = Object.entries(counts).sort(([, one], [, other]) => other - one)
    return [where, sorted.map(([what, times]) => `${times} × ${what}`).join('; ')]
  })
}
