/** A run of power failures, and the report of it. */
import type { Report, Row } from '../report.ts'
import { type PowerOptions, type PowerResult, powerFailures } from './power-failures.ts'
import { buildShim } from './shim.ts'

/** What is asked for. */
export interface PowerRun {
  readonly failures: number
  readonly seed: number
  readonly lanes: number
  readonly seconds: number | null
  /** Whether it is also shown that the checker sees what is lost. */
  readonly controls: boolean
  readonly inFolder: <T>(work: (folder: string) => Promise<T>) => Promise<T>
  readonly say: (line: string) => void
}

/** What waiting for the disk does nothing for, and what has to be found then. */
export const POWER_CONTROLS = {
  all: { what: 'waiting for the disk does nothing, all of it is lost', finds: ['missing'] },
  parts: { what: 'waiting for the disk does nothing, parts of it are lost', finds: ['missing', 'refused'] },
} as const

export const CONTROL_FAILURES = 8
const CONTROL_DRAIN_MS = 6_000

/** Runs it where this can be done, and reports; else says why not. */
export function powerReport(run: PowerRun): Promise<Report | { readonly skipped: string }> {
  const { failures, seed, lanes, seconds, inFolder, say } = run
  return inFolder(async (shimFolder) => {
    const shim = buildShim(shimFolder)
    if ('reason' in shim) return { skipped: shim.reason }
    const { library } = shim
    const result = await inFolder((folder) =>
      powerFailures({
        folder,
        library,
        failures,
        seed,
        lanes,
        ...(seconds === null ? {} : { seconds }),
        onProgress: (nth, accepted) => nth % 10 === 0 && say(`power failures ${nth}  accepted ${accepted}`),
      }),
    )
    const controls = run.controls ? await controlsOf(run, library) : []
    const missed = controls.filter(({ caught }) => !caught)
    return {
      name: `power-failures-${result.failures}`,
      command: `npm run torture -- --power-failures ${failures}${run.controls ? ' --controls' : ''} --seed ${seed}`,
      rows: [...rowsOf(seed, result), ...controls.map(({ row }) => row)],
      violations: [
        ...result.violations,
        ...missed.map(({ row: [name] }) => ({ kind: 'control', says: `${name} was not caught` })),
      ],
      data: result,
    }
  })
}

interface Caught {
  readonly caught: boolean
  readonly row: Row
}

async function controlsOf({ seed, inFolder, say }: PowerRun, library: string): Promise<readonly Caught[]> {
  const all: Caught[] = []
  for (const syncIgnored of ['all', 'parts'] as const) {
    const { what, finds } = POWER_CONTROLS[syncIgnored]
    const options: Omit<PowerOptions, 'folder'> = {
      library,
      failures: CONTROL_FAILURES,
      seed,
      syncIgnored,
      stuckMs: CONTROL_DRAIN_MS,
    }
    const { violations } = await inFolder((folder) => powerFailures({ ...options, folder }))
    const found = [...new Set(violations.map(({ kind }) => kind))]
    const caught = finds.some((kind) => found.includes(kind))
    say(`${caught ? 'caught ' : 'MISSED '} ${what}: ${found.join(', ') || 'nothing'}`)
    all.push({
      caught,
      row: [`control: ${what}`, `${caught ? 'caught' : 'NOT CAUGHT'} (${found.join(', ')})`],
    })
  }
  return all
}

function rowsOf(seed: number, result: PowerResult): readonly Row[] {
  const { figures } = result
  const own: readonly Row[] = [
    ['seed', seed],
    ['power failures', `${result.failures}, ${result.whileStarting} of them before it served`],
    ['failures that met something unsynced', result.withUnsynced],
    ['writes and changes of names and sizes', result.records - result.syncs],
    ['waits for the disk that came to their end', result.syncs],
    ['time', `${result.seconds.toFixed(0)} s`],
  ]
  if (figures === null) return own
  const { effects, recoveryMs } = figures
  return [
    ...own,
    ['accepted', figures.accepted],
    ['refused (engine down)', figures.refused],
    ['acceptance unknown (connection lost)', figures.unknown],
    ['effects', effects.natural + effects.key + effects.verify + effects.none],
    ['repeats at natural with the same content', figures.naturalRepeats],
    ['repeats that the key sink recognised', figures.repeats],
    ['in doubt, all at none', figures.inDoubt],
    ['start after a failure, median', `${recoveryMs.median} ms`],
    ['until all had ended after the load', `${result.drainSeconds.toFixed(1)} s`],
  ]
}
