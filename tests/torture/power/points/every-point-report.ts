/** A run whose power fails at every point, and the report of it. */
import type { Report, Row } from '../../report.ts'
import { buildShim } from '../shim.ts'
import { type EveryPointResult, everyPoint } from './every-point.ts'

/** What is asked for. */
export interface EveryPointRun {
  readonly seed: number
  readonly seconds: number | null
  readonly inFolder: <T>(work: (folder: string) => Promise<T>) => Promise<T>
  readonly say: (line: string) => void
}

const CONTROL_POINTS = 24

/** Runs it where this can be done, with its control, and reports; else says why not. */
export function everyPointReport(run: EveryPointRun): Promise<Report | { readonly skipped: string }> {
  const { seed, seconds, inFolder, say } = run
  return inFolder(async (shimFolder) => {
    const shim = buildShim(shimFolder)
    if ('reason' in shim) return { skipped: shim.reason }
    const { library } = shim
    const control = await inFolder((folder) =>
      everyPoint({ folder, library, seed, syncIgnored: true, most: CONTROL_POINTS }),
    )
    const found = [...new Set(control.violations.map(({ kind }) => kind))]
    const caught = found.includes('missing')
    say(
      `${caught ? 'caught ' : 'MISSED '} waiting for the disk does nothing: ${found.join(', ') || 'nothing'}`,
    )
    const result = await inFolder((folder) =>
      everyPoint({
        folder,
        library,
        seed,
        ...(seconds === null ? {} : { seconds }),
        onProgress: (done, points) => done % 100 === 0 && say(`points ${done} of ${points}`),
      }),
    )
    const missed = { kind: 'control', says: 'that waiting for the disk does nothing was not caught' }
    return {
      name: 'power-every-point',
      command: `npm run torture -- --power-points --seed ${seed}${seconds === null ? '' : ` --seconds ${seconds}`}`,
      rows: [
        ...rowsOf(seed, result),
        [
          'control: waiting for the disk does nothing, nothing is left',
          `${caught ? 'caught' : 'NOT CAUGHT'} (${found.join(', ')})`,
        ],
      ],
      violations: [...result.violations, ...(caught ? [] : [missed])],
      data: result,
    }
  })
}

function rowsOf(seed: number, { points, cut, every, ...result }: EveryPointResult): readonly Row[] {
  const spread = every === 1 ? 'each of them' : `every ${every}th, and some between`
  return [
    ['seed', seed],
    ['things that the run did to its files, and the moment before the first one', points],
    ['points at which its power failed', `${cut}, ${spread}`],
    [
      'engines that went on from there, nothing, all or parts of what was not synced being left',
      result.lives,
    ],
    ['waits for the disk that came to their end', result.syncs],
    ['messages sent', result.sent],
    ['effects in the run itself', result.effects],
    ['time', `${result.seconds.toFixed(0)} s`],
  ]
}
