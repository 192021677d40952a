/**
 * The long proof: `npm run torture -- --kills 1000 --seed 7`. See {@link USAGE}.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, execPath, exit, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { splitMillion } from './million/split-million.ts'
import { partsOf, runParts } from './parts.ts'
import { type Report, type Row, writeReport } from './report.ts'
import { CONTROLS, type Control, isControl } from './rig/protections.ts'
import { type Progress, type RunOptions, type RunResult, run } from './rig/run.ts'
import { simulation } from './simulation.ts'

const USAGE = `npm run torture -- [options]
  --kills N        kill the engine N times (default 100)
  --seed S         repeat a run (default: by the clock, and printed)
  --seconds T      no more kills after T seconds
  --lanes N        keys per flow (default 8)
  --without NAME   switch a protection off: ${Object.keys(CONTROLS).join(', ')}
  --controls       switch each protection off in turn; each must be noticed
  --million        split a message into a million children, with crashes on the way (--items N for another number)
  --seeds N        run the whole engine N times in a simulated world, faults by seed (the seeds from --seed on, default 1)
  --story          with --seeds: print all that happened
  --mutants        take each protection out of the engine in turn, as a patch; the tests must notice (npm run mutants)
  --all            kills, controls, seeds (10,000), million and mutants, one after the other: before a release
  --name NAME      the name of the report
  --no-report      write none
  --keep           keep the folder with the journal and the logs

Exits with 1 when a promise was broken, or a protection was not missed.
`

const { values: given } = parseArgs({
  args: argv.slice(2),
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    story: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    lanes: { type: 'string', default: '8' },
    without: { type: 'string' },
    controls: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    items: { type: 'string', default: '1000000' },
    name: { type: 'string' },
    'no-report': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const asked = { ...given, seeds: given.seeds !== undefined }

/** A whole number from 1; ends the program where it is none. */
function number(option: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  stdout.write(`--${option} is a whole number from 1, not "${text}".\n\n${USAGE}`)
  return exit(2)
}

function withoutWhat(text: string): Control {
  if (isControl(text)) return text
  stdout.write(`--without knows ${Object.keys(CONTROLS).join(', ')}, not "${text}".\n`)
  return exit(2)
}

const seed = number('seed', given.seed ?? String((Date.now() % 1_000_000) + 1))

/** The name of a report; where several are written, each keeps its own behind the one that was given. */
function reportName(own: string): string {
  if (given.name === undefined) return own
  return partsOf(asked).length > 1 ? `${given.name}-${own}` : given.name
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-torture-'))
  try {
    return await work(folder)
  } finally {
    if (given.keep) stdout.write(`journal and logs: ${folder}\n`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

function showProgress({ kills, load, sinks }: Progress): void {
  const effects =
    (sinks['natural'] ?? 0) + (sinks['key'] ?? 0) + (sinks['verify'] ?? 0) + (sinks['none'] ?? 0)
  const line = `kills ${kills}  accepted ${load['accepted'] ?? 0}  unknown ${load['unknown'] ?? 0}  effects ${effects}  repeats ${sinks['repeats'] ?? 0}  faults ${sinks['faults'] ?? 0}`
  if (stdout.isTTY) stdout.write(`\r\x1b[2K${line}`)
  else if (kills % 25 === 0) stdout.write(`${line}\n`)
}

function optionsOf(folder: string, without: Control | null): RunOptions {
  return {
    folder,
    seed,
    without,
    kills: number('kills', given.kills),
    lanes: number('lanes', given.lanes),
    ...(given.seconds === undefined ? {} : { seconds: number('seconds', given.seconds) }),
    onProgress: showProgress,
  }
}

function rowsOf({ figures, seconds, drainSeconds }: RunResult): readonly Row[] {
  const { effects, recoveryMs } = figures
  return [
    ['seed', seed],
    ['kills', `${figures.kills}, ${figures.killsWhileStarting} of them while starting`],
    ['time', `${seconds.toFixed(0)} s`],
    ['messages sent', figures.sent],
    ['accepted', figures.accepted],
    ['refused (engine down)', figures.refused],
    ['acceptance unknown (connection lost)', figures.unknown],
    [
      'effects at natural',
      `${effects.natural}, ${figures.naturalRepeats} of them repeats with the same content`,
    ],
    ['effects at key', effects.key],
    ['effects at verify', effects.verify],
    ['effects at none', effects.none],
    ['repeats that the key sink recognised', figures.repeats],
    ['faults of the sinks', figures.faults],
    ['in doubt, all at none', `${figures.inDoubt}, ${figures.inDoubtWithoutFault} of them by a kill alone`],
    ['dead letters, all planted', figures.dead],
    ['start after a kill, median', `${recoveryMs.median} ms`],
    ['start after a kill, p99', `${recoveryMs.p99} ms`],
    ['until all had ended after the load', `${drainSeconds.toFixed(1)} s`],
  ]
}

function show(rows: readonly Row[], violations: Report['violations']): void {
  stdout.write('\n')
  for (const [name, value] of rows) stdout.write(`${name.padEnd(40)} ${value}\n`)
  for (const { kind, says } of violations) stdout.write(`VIOLATION ${kind}: ${says}\n`)
}

async function torture(without: Control | null): Promise<boolean> {
  stdout.write(`seed ${seed}${without === null ? '' : `, without ${without}: ${CONTROLS[without].what}`}\n`)
  const result = await inFolder((folder) => run(optionsOf(folder, without)))
  const rows = rowsOf(result)
  show(rows, result.violations)
  if (!given['no-report'] && without === null) {
    const page = writeReport({
      name: reportName(`kills-${result.figures.kills}`),
      command: `npm run torture -- --kills ${given.kills} --seed ${seed}`,
      rows,
      violations: result.violations,
      data: result,
    })
    stdout.write(`report: ${page}\n`)
  }
  return result.violations.length === 0
}

const CONTROL_KILLS = 8
const CONTROL_DRAIN_MS = 6_000

/** Whether the checker noticed that a protection was off. */
async function missed(control: Control): Promise<Row & readonly [string, string]> {
  const { violations } = await inFolder((folder) =>
    run({ folder, seed, kills: CONTROL_KILLS, without: control, drainMs: CONTROL_DRAIN_MS }),
  )
  const found = [...new Set(violations.map(({ kind }) => kind))]
  const caught = CONTROLS[control].finds.some((kind) => found.includes(kind))
  stdout.write(`${caught ? 'caught ' : 'MISSED '} ${control}: ${found.join(', ') || 'nothing'}\n`)
  return [
    `${control}: ${CONTROLS[control].what}`,
    caught ? `caught (${found.join(', ')})` : `NOT CAUGHT (${found.join(', ')})`,
  ]
}

async function controls(): Promise<boolean> {
  stdout.write(`seed ${seed}\n`)
  const rows: Row[] = [['seed', seed]]
  for (const control of Object.keys(CONTROLS).filter(isControl)) rows.push(await missed(control))
  const uncaught = rows.filter(([, value]) => String(value).startsWith('NOT'))
  const violations = uncaught.map(([name]) => ({ kind: 'control', says: `${name} was not caught` }))
  if (!given['no-report'])
    writeReport({
      name: reportName('controls'),
      command: `npm run torture -- --controls --seed ${seed}`,
      rows,
      violations,
      data: { rows },
    })
  return violations.length === 0
}

const ALL_SEEDS = '10000'

async function seeds(): Promise<boolean> {
  const count = number('seeds', given.seeds ?? ALL_SEEDS)
  const first = number('seed', given.seed ?? '1')
  const { rows, violations, data, text } = await simulation({
    first,
    count,
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    story: given.story,
  })
  show(rows, violations)
  if (!given['no-report'] && !given.story)
    writeReport({
      name: reportName(`seeds-${count}`),
      command: `npm run torture -- --seeds ${count} --seed ${first}`,
      rows,
      violations,
      data,
      text,
    })
  return violations.length === 0
}

async function million(): Promise<boolean> {
  const items = number('items', given.items)
  const result = await inFolder((folder) =>
    splitMillion({ folder, items, seed, onProgress: (line) => stdout.write(`${line}\n`) }),
  )
  show(result.rows, result.violations)
  if (!given['no-report'])
    writeReport({
      name: reportName(`split-${items}`),
      command: `npm run torture -- --million --items ${items} --seed ${seed}`,
      rows: result.rows,
      violations: result.violations,
      data: result,
    })
  return result.violations.length === 0
}

async function mutants(): Promise<boolean> {
  const child = spawn(execPath, ['--conditions=source', join(import.meta.dirname, '../mutants/run.ts')], {
    stdio: 'inherit',
  })
  const [code] = await once(child, 'close')
  return code === 0
}

async function main(): Promise<boolean> {
  if (given.help) {
    stdout.write(USAGE)
    return true
  }
  const parts = partsOf(asked)
  const without = given.without === undefined ? null : withoutWhat(given.without)
  const failed = await runParts(parts, {
    kills: () => torture(without),
    controls,
    simulation: seeds,
    million,
    mutants,
  })
  if (parts.length > 1)
    stdout.write(
      failed.length === 0 ? `all of ${parts.join(', ')} passed\n` : `FAILED: ${failed.join(', ')}\n`,
    )
  return failed.length === 0
}

exit((await main()) ? 0 : 1)
