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
import { NODE_OPTIONS } from '../../scripts/lib/node-options.ts'
import { oracleReport } from '../oracle/oracle.ts'
import { flipReport } from './flips/flip-report.ts'
import { memoryFolder } from './flips/flips.ts'
import { GATHER_KINDS, type GatherKind, gatherHeld, gatherMillion } from './million/gather-million.ts'
import { splitMillion } from './million/split-million.ts'
import { partsOf, runParts } from './parts.ts'
import { patterns } from './patterns.ts'
import { everyPointReport } from './power/points/every-point-report.ts'
import { powerReport } from './power/power-report.ts'
import { type Report, type Row, writeReport } from './report.ts'
import { noSmallDisk } from './rig/database.ts'
import { CONTROLS, type Control, controlsFor, deedsFor, isControl } from './rig/protections.ts'
import { JOURNALS, type JournalKind } from './rig/protocol.ts'
import { type Progress, type RunOptions, type RunResult, run } from './rig/run.ts'
import { DEED_NAMES, type Deeds } from './rig/torment.ts'
import { simulation } from './simulation.ts'

const USAGE = `npm run torture -- [options]
  --kills N        kill an engine N times (default 100, or 0 where something else is asked for)
  --journal KIND   sqlite or postgres: a server of its own (default sqlite)
  --engines N      so many engines on one journal, on postgres (default 1); with --seeds on the simulated one
                   (default 1, and 3 in every fourth seed)
  --zombies N      stop an engine N times for longer than its lease, then let it go on, on postgres
                   (default with several engines: one for six kills)
  --database-kills N  kill the whole database N times under load, and start it again
  --promotions N   make the database's synchronous standby the primary N times, its address with it
  --network N      N faults of the network between engines, database and sinks, or engines and sinks
  --full-disks N   leave the database's disk without room N times (takes root)
  --clock-steps N  set the wall clock of an engine N times, from 7 days back to 30 days ahead
  --seed S         repeat a run (default: by the clock, and printed)
  --seconds T      no more kills after T seconds
  --lanes N        keys per flow (default 8)
  --without NAME   switch a protection off: ${Object.keys(CONTROLS).join(', ')}
  --controls       switch each protection off in turn, or with --without NAME that one; each must be noticed
  --power-failures N  cut the power of an engine on SQLite N times: what was not synced is lost, in part or whole
                   (Linux with a C compiler); with --controls also while waiting for the disk does nothing
  --power-points   cut the power of one small run on SQLite after each single thing that it does to its files, in up to three
                   ways, and let an engine go on from there; with --seconds at points that are spread over the run
  --bit-flips N    flip N single bits in the files of a journal on SQLite, one at a time, at rest and under load
  --million        split a message into a million children, with crashes on the way (--items N for another number)
  --gather KIND    gather a million members in one group, with crashes on the way and little memory (--items N for another
                   number): fold, stored, or all; and all of them held in memory, which must run out of it
  --seeds N        run the whole engine N times in a simulated world, faults by seed (the seeds from --seed on, default 1)
  --pieces FOLDER  with --seeds: keep what is run in this folder, piece by piece; run those seeds only that it does not hold
                   yet, and report all that it holds (with --seconds 0 nothing is run)
  --patterns       with --seeds: random flows of random patterns, killed at random, against a reference interpreter;
                   with --controls also with faults planted in the patterns, which must be found
  --story          with --seeds: print all that happened
  --oracle         run generated cases of the patterns in Apache Camel too, and compare (--seeds N of them, default 50, from
                   --seed on, default 1); takes a JDK and Maven, which it installs as root on Debian
  --mutants        take each protection out of the engine in turn, as a patch; the tests must notice (npm run mutants)
  --all            kills, controls, power failures (100, and at every point), bit flips (2,000), seeds (10,000), oracle (200), patterns (2,000 seeds), million, gather and mutants, one after the other: before a release
  --name NAME      the name of the report
  --no-report      write none
  --keep           keep the folder with the journal and the logs

Exits with 1 when a promise was broken, or a protection was not missed.
`

const { values: given } = parseArgs({
  args: argv.slice(2),
  options: {
    kills: { type: 'string' },
    journal: { type: 'string', default: 'sqlite' },
    engines: { type: 'string' },
    zombies: { type: 'string' },
    'database-kills': { type: 'string', default: '0' },
    promotions: { type: 'string', default: '0' },
    network: { type: 'string', default: '0' },
    'full-disks': { type: 'string', default: '0' },
    'clock-steps': { type: 'string', default: '0' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    'power-failures': { type: 'string' },
    'power-points': { type: 'boolean', default: false },
    'bit-flips': { type: 'string' },
    pieces: { type: 'string' },
    story: { type: 'boolean', default: false },
    oracle: { type: 'boolean', default: false },
    patterns: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    lanes: { type: 'string', default: '8' },
    without: { type: 'string' },
    controls: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    gather: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    items: { type: 'string', default: '1000000' },
    name: { type: 'string' },
    'no-report': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const asked = {
  ...given,
  seeds: given.seeds !== undefined && !given.oracle && !given.patterns,
  controls: given.controls && !given.patterns,
  powerFailures: given['power-failures'] !== undefined,
  powerPoints: given['power-points'],
  bitFlips: given['bit-flips'] !== undefined,
  gather: given.gather !== undefined,
}

function refuse(why: string): never {
  stdout.write(`${why}\n\n${USAGE}`)
  return exit(2)
}

/** A whole number; ends the program where it is none. */
function number(option: string, text: string, least = 1): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  return refuse(`--${option} is a whole number from ${least}, not "${text}".`)
}

function journalKind(text: string): JournalKind {
  const kind = JOURNALS.find((each) => each === text)
  return kind ?? refuse(`--journal knows ${JOURNALS.join(' and ')}, not "${text}".`)
}

const journal = journalKind(given.journal)
/** In the simulated world, where they share a journal of its own kind. */
const seedEngines =
  given.seeds === undefined || given.engines === undefined ? null : number('engines', given.engines)
const engines = seedEngines !== null && journal === 'sqlite' ? 1 : number('engines', given.engines ?? '1')
const around = {
  databaseKills: number('database-kills', given['database-kills'], 0),
  promotions: number('promotions', given.promotions, 0),
  networkFaults: number('network', given.network, 0),
  fullDisks: number('full-disks', given['full-disks'], 0),
  clockSteps: number('clock-steps', given['clock-steps'], 0),
}
const otherDeeds = Object.values(around).some((times) => times > 0)
const kills = number('kills', given.kills ?? (otherDeeds ? '0' : '100'), 0)
const zombies = number('zombies', given.zombies ?? String(engines > 1 ? Math.ceil(kills / 6) : 0), 0)
const deeds: Deeds = { kills, zombies, ...around }
const { databaseKills, promotions, fullDisks } = around
if (journal === 'sqlite' && (engines > 1 || databaseKills + promotions + fullDisks + zombies > 0))
  refuse('Several engines, zombies and what is done to the database are for --journal postgres.')
const roomless = fullDisks > 0 ? noSmallDisk() : null
if (roomless !== null) refuse(`--full-disks is not possible here: ${roomless}`)

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

async function inFolder<T>(work: (folder: string) => Promise<T>, where = tmpdir()): Promise<T> {
  const folder = mkdtempSync(join(where, 'linkspan-torture-'))
  try {
    return await work(folder)
  } finally {
    if (given.keep) stdout.write(`journal and logs: ${folder}\n`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

function showProgress({ deeds: done, load, sinks }: Progress): void {
  const effects =
    (sinks['natural'] ?? 0) + (sinks['key'] ?? 0) + (sinks['verify'] ?? 0) + (sinks['none'] ?? 0)
  const did = DEED_NAMES.flatMap((deed) => (deeds[deed] > 0 ? [`${wordsOf(deed)} ${done[deed]}`] : []))
  const line = `${did.join('  ')}  accepted ${load['accepted'] ?? 0}  unknown ${load['unknown'] ?? 0}  effects ${effects}  repeats ${sinks['repeats'] ?? 0}  faults ${sinks['faults'] ?? 0}`
  if (stdout.isTTY) stdout.write(`\r\x1b[2K${line}`)
  else if (Object.values(done).reduce((sum, times) => sum + times, 0) % 25 === 0) stdout.write(`${line}\n`)
}

/** `databaseKills` as people write it. */
function wordsOf(deed: keyof Deeds, between = ' '): string {
  return deed.replace(/[A-Z]/g, (letter) => `${between}${letter.toLowerCase()}`)
}

function optionsOf(folder: string, without: Control | null): RunOptions {
  return {
    folder,
    seed,
    without,
    journal,
    engines,
    ...deeds,
    keep: given.keep,
    lanes: number('lanes', given.lanes),
    ...(given.seconds === undefined ? {} : { seconds: number('seconds', given.seconds) }),
    onProgress: showProgress,
  }
}

/** What only a journal on PostgreSQL can meet. */
function rowsOfCluster({ figures, postgres }: RunResult): readonly Row[] {
  if (postgres === null) return []
  const { zombies, longestStopMs, databaseKills, databaseMs, gone, promotions, promotedMs } = figures
  const { fullDisks, refusedWhenFull, roomMs, lateAfterStops } = figures
  const met: readonly (Row | null)[] = [
    [
      'journal',
      `PostgreSQL ${postgres}, ${promotions > 0 ? 'a primary and a synchronous standby' : 'one server'}`,
    ],
    ['engines', figures.engines],
    zombies > 0
      ? ['stopped for longer than the lease (3 s), then continued', `${zombies}, up to ${longestStopMs} ms`]
      : null,
    zombies > 0
      ? ['effects that a stopped engine had in hand, late (no engine can prevent it)', lateAfterStops]
      : null,
    promotions > 0 ? ['promotions of the standby', promotions] : null,
    promotions > 0
      ? [
          'from a promotion until something was accepted again',
          `median ${promotedMs.median} ms, at most ${promotedMs.max} ms`,
        ]
      : null,
    fullDisks > 0
      ? ['times the disk of the database was full', `${fullDisks}, ${refusedWhenFull} messages refused (503)`]
      : null,
    fullDisks > 0
      ? [
          'from room until something was accepted again',
          `median ${roomMs.median} ms, at most ${roomMs.max} ms`,
        ]
      : null,
    databaseKills > 0 ? ['kills of the whole database', databaseKills] : null,
    databaseKills > 0
      ? [
          'from such a kill until something was accepted again',
          `median ${databaseMs.median} ms, at most ${databaseMs.max} ms`,
        ]
      : null,
    gone > 0 ? ['starts that failed, as the database was down', gone] : null,
  ]
  return met.filter((row) => row !== null)
}

/** What any journal can meet. */
function rowsOfSurroundings({ figures }: RunResult): readonly Row[] {
  const { networkFaults, networkHappened, clockSteps, clockDays } = figures
  const listed = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')
  const { networkFaults: faults } = deeds
  const rows: readonly (Row | null)[] = [
    faults > 0 ? ['faults of the network', listed(networkFaults)] : null,
    faults > 0 ? ['what they did to connections and requests', listed(networkHappened)] : null,
    clockSteps > 0
      ? [
          'steps of the wall clock of an engine',
          `${clockSteps}, ${clockDays.least.toFixed(1)} to ${clockDays.most.toFixed(1)} days from the others`,
        ]
      : null,
  ]
  return rows.filter((row) => row !== null)
}

function rowsOf(result: RunResult): readonly Row[] {
  const { figures, seconds, drainSeconds } = result
  const { effects, recoveryMs } = figures
  return [
    ['seed', seed],
    ['kills', `${figures.kills}, ${figures.killsWhileStarting} of them while starting`],
    ...rowsOfCluster(result),
    ...rowsOfSurroundings(result),
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

/** `kills-1000`, `postgres-3-kills-300-zombies-50`, `postgres-1-database-kills-20`. */
function ownName({ figures }: RunResult): string {
  const { kills, zombies, databaseKills, promotions, fullDisks, clockSteps } = figures
  const networkFaults = Object.values(figures.networkFaults).reduce((sum, times) => sum + times, 0)
  const did: Deeds = { kills, zombies, databaseKills, promotions, networkFaults, fullDisks, clockSteps }
  const done = DEED_NAMES.map((deed) => [wordsOf(deed, '-'), did[deed]] as const)
  const where = journal === 'sqlite' ? [] : [journal, String(engines)]
  return [...where, ...done.flatMap(([what, times]) => (times > 0 ? [what, String(times)] : []))].join('-')
}

const OPTIONS: readonly (readonly [option: string, times: number])[] = [
  ['zombies', deeds.zombies],
  ['database-kills', deeds.databaseKills],
  ['promotions', deeds.promotions],
  ['network', deeds.networkFaults],
  ['full-disks', deeds.fullDisks],
  ['clock-steps', deeds.clockSteps],
]

/** The options that repeat what is done to the engines. */
function commandOptions(): string {
  const cluster = journal === 'sqlite' ? '' : `--journal ${journal} --engines ${engines} `
  const others = OPTIONS.flatMap(([option, times]) => (times > 0 ? [` --${option} ${times}`] : []))
  return `${cluster}--kills ${kills}${others.join('')}`
}

async function torture(without: Control | null): Promise<boolean> {
  stdout.write(`seed ${seed}${without === null ? '' : `, without ${without}: ${CONTROLS[without].what}`}\n`)
  const result = await inFolder((folder) => run(optionsOf(folder, without)))
  const rows = rowsOf(result)
  show(rows, result.violations)
  if (!given['no-report'] && without === null) {
    const page = writeReport({
      name: reportName(ownName(result)),
      command: `npm run torture -- ${commandOptions()} --seed ${seed}`,
      rows,
      violations: result.violations,
      data: result,
    })
    stdout.write(`report: ${page}\n`)
  }
  return result.violations.length === 0
}

const CONTROL_KILLS = 8
const CONTROL_STUCK_MS = 6_000
const CONTROL_ZOMBIES = 3

/** Whether the checker noticed that a protection was off. */
async function missed(control: Control): Promise<Row & readonly [string, string]> {
  const { violations } = await inFolder((folder) =>
    run({
      folder,
      seed,
      journal,
      engines,
      ...(deedsFor(control) ?? { kills: CONTROL_KILLS, zombies: engines > 1 ? CONTROL_ZOMBIES : 0 }),
      without: control,
      stuckMs: CONTROL_STUCK_MS,
    }),
  )
  const found = [...new Set(violations.map(({ kind }) => kind))]
  const caught = CONTROLS[control].finds.some((kind) => found.includes(kind))
  stdout.write(`${caught ? 'caught ' : 'MISSED '} ${control}: ${found.join(', ') || 'nothing'}\n`)
  return [
    `${control}: ${CONTROLS[control].what}`,
    caught ? `caught (${found.join(', ')})` : `NOT CAUGHT (${found.join(', ')})`,
  ]
}

/** The one control that was asked for, if one was. */
const only = (before: string): string => (given.without === undefined ? '' : `${before}${given.without}`)

async function controls(): Promise<boolean> {
  stdout.write(`seed ${seed}\n`)
  const rows: Row[] = [['seed', seed]]
  const all = controlsFor(engines, journal)
  for (const control of given.without === undefined ? all : [withoutWhat(given.without)])
    rows.push(await missed(control))
  const uncaught = rows.filter(([, value]) => String(value).startsWith('NOT'))
  const violations = uncaught.map(([name]) => ({ kind: 'control', says: `${name} was not caught` }))
  if (!given['no-report'])
    writeReport({
      name: reportName(`${journal === 'sqlite' ? '' : `${journal}-${engines}-`}controls${only('-')}`),
      command: `npm run torture -- ${journal === 'sqlite' ? '' : `--journal ${journal} --engines ${engines} `}--controls${only(' --without ')} --seed ${seed}`,
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
    engines: seedEngines,
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds, 0),
    pieces: given.pieces ?? null,
    story: given.story,
  })
  show(rows, violations)
  const pieces = given.pieces === undefined ? '' : ' --pieces FOLDER'
  if (!given['no-report'] && !given.story)
    writeReport({
      name: reportName(`seeds-${count}`),
      command: `npm run torture -- --seeds ${count} --seed ${first}${seedEngines === null ? '' : ` --engines ${seedEngines}`}${pieces}`,
      rows,
      violations,
      data,
      text,
    })
  return violations.length === 0
}

const ALL_PATTERN_SEEDS = '2000'

async function randomFlows(): Promise<boolean> {
  const count = number('seeds', (given.patterns ? given.seeds : undefined) ?? ALL_PATTERN_SEEDS)
  const first = number('seed', given.seed ?? '1')
  const withControls = given.controls || given.all
  const { rows, violations, data, text } = await patterns({
    first,
    count,
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    story: given.story,
    controls: withControls,
  })
  show(rows, violations)
  if (!given['no-report'] && !given.story)
    writeReport({
      name: reportName(`patterns-seeds-${count}`),
      command: `npm run torture -- --patterns --seeds ${count} --seed ${first}${withControls ? ' --controls' : ''}`,
      rows,
      violations,
      data,
      text,
    })
  return violations.length === 0
}

const ALL_POWER_FAILURES = '100'

async function power(): Promise<boolean> {
  stdout.write(`seed ${seed}\n`)
  const report = await powerReport({
    failures: number('power-failures', given['power-failures'] ?? ALL_POWER_FAILURES),
    seed,
    lanes: number('lanes', given.lanes),
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    controls: given.controls || given.all,
    inFolder,
    say: (line) => stdout.write(`${line}\n`),
  })
  return reported(report)
}

async function powerPoints(): Promise<boolean> {
  stdout.write(`seed ${seed}\n`)
  const report = await everyPointReport({
    seed,
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    inFolder: (work) => inFolder(work, memoryFolder(tmpdir())),
    say: (line) => stdout.write(`${line}\n`),
  })
  return reported(report)
}

/** Shows and writes a report; what could not be run here counts as failed unless everything was asked for. */
function reported(report: Report | { readonly skipped: string }): boolean {
  if ('skipped' in report) {
    stdout.write(`SKIPPED: ${report.skipped}\n`)
    return given.all
  }
  show(report.rows, report.violations)
  if (!given['no-report']) writeReport({ ...report, name: reportName(report.name) })
  return report.violations.length === 0
}

const ALL_BIT_FLIPS = '2000'

async function flips(): Promise<boolean> {
  stdout.write(`seed ${seed}\n`)
  const report = await flipReport({
    flips: number('bit-flips', given['bit-flips'] ?? ALL_BIT_FLIPS),
    seed,
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    inFolder: (work) => inFolder(work, memoryFolder(tmpdir())),
    say: (line) => stdout.write(`${line}\n`),
  })
  return reported(report)
}

const ORACLE_SEEDS = '50'
const ALL_ORACLE_SEEDS = '200'

async function oracle(): Promise<boolean> {
  const seeds = given.oracle ? (given.seeds ?? ORACLE_SEEDS) : ALL_ORACLE_SEEDS
  const report = await oracleReport({
    first: number('seed', given.seed ?? '1'),
    seeds: number('seeds', seeds),
    seconds: given.seconds === undefined ? null : number('seconds', given.seconds),
    say: (line) => stdout.write(`${line}\n`),
  })
  return reported(report)
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

/** With less than this an engine runs out of memory; holding a million members takes twice as much. */
const GATHER_HEAP_MIB = 160

async function gather(): Promise<boolean> {
  const items = number('items', given.items)
  const asked = given.gather === undefined || given.gather === 'all' ? null : given.gather
  const kinds = asked === null ? GATHER_KINDS : GATHER_KINDS.filter((kind) => kind === asked)
  if (kinds.length === 0) refuse(`--gather knows ${GATHER_KINDS.join(', ')} and all, not "${asked}".`)
  let passed = true
  for (const kind of kinds) if (!(await gatherOne(kind, items))) passed = false
  return passed
}

async function gatherOne(kind: GatherKind, members: number): Promise<boolean> {
  const options = { members, seed, heapMib: GATHER_HEAP_MIB, kind }
  const result = await inFolder((folder) =>
    gatherMillion({ ...options, folder, onProgress: (line) => stdout.write(`${line}\n`) }),
  )
  const held = await inFolder((folder) => gatherHeld({ ...options, folder }))
  return reported({
    name: `gather-${kind}-${members}`,
    command: `npm run torture -- --gather ${kind} --items ${members} --seed ${seed}`,
    rows: [...result.rows, held.row],
    violations: [...result.violations, ...held.violations],
    data: result,
  })
}

async function mutants(): Promise<boolean> {
  const child = spawn(execPath, [...NODE_OPTIONS, join(import.meta.dirname, '../mutants/run.ts')], {
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
    power,
    points: powerPoints,
    flips,
    simulation: seeds,
    oracle,
    patterns: randomFlows,
    million,
    gather,
    mutants,
  })
  if (parts.length > 1)
    stdout.write(
      failed.length === 0 ? `all of ${parts.join(', ')} passed\n` : `FAILED: ${failed.join(', ')}\n`,
    )
  return failed.length === 0
}

exit((await main()) ? 0 : 1)
