import type { Bare } from '../run/bare.ts'
import { noisyCores } from '../run/quiet.ts'
import type { Row, TableRun } from '../run/table-run.ts'
import type { FigureName } from './figures.ts'
import { limitOf } from './limits.ts'
import type { Machine } from './machine.ts'
import type { Spread } from './statistics.ts'
import { figureOf, ratioOf, rowNamed, verdicts } from './verdict.ts'

const titles: Readonly<Record<FigureName, string>> = {
  accept: 'accepted/s',
  endToEnd: 'end to end, messages/s (range)',
  ackP50: 'ack p50 ms',
  ackP99: 'ack p99 ms',
  endToEndP50: 'end to end p50 ms',
  endToEndP99: 'end to end p99 ms',
  lagP99: "generator's lag p99 ms",
  ready: 'ready ms',
  firstAccepted: 'first accepted ms (range)',
  idle: 'RSS idle MB',
  peak: 'RSS peak MB',
  growth: 'RSS growth',
  serviceMemory: 'service MB',
  cpuParticipant: 'it',
  cpuThread: 'its busiest thread',
  cpuServices: 'its services',
  cpuLoad: 'load generator',
  cpuSink: 'sink',
  cpuOthers: 'others',
  cpuStolen: 'stolen by host',
  cpuPerMessage: 'CPU µs/message',
  cpuServicePerMessage: "its services' CPU µs/message",
  writtenPerMessage: 'bytes written by its services/message',
  lost: 'lost',
  doubled: 'doubled',
  withoutKey: 'without key',
  refused: 'refused',
}

const ranged: readonly FigureName[] = ['endToEnd', 'firstAccepted']
const shares: readonly FigureName[] = [
  'cpuParticipant',
  'cpuThread',
  'cpuServices',
  'cpuLoad',
  'cpuSink',
  'cpuOthers',
  'cpuStolen',
]
const counts: readonly FigureName[] = ['lost', 'doubled', 'withoutKey', 'refused']

/** The table as it is printed and committed. */
export const markdown = (run: TableRun, machine: Machine): string =>
  [
    `# ${run.table.title}`,
    '',
    about(run, machine),
    '',
    ...results(run),
    '',
    ...(run.bare === undefined ? [] : [bareLine(run.bare), '']),
    ...targetLines(run),
    ...cpuTable(run),
    '',
  ].join('\n')

const about = (
  { startedAt, rounds, repeats, table, seed, connections, rows }: TableRun,
  machine: Machine,
): string =>
  [
    `${startedAt.slice(0, 16).replace('T', ' ')} UTC; ${rounds} rounds, each participant once per round in an order`,
    `drawn anew (seed ${seed}); ${connections} connections; medians; the ratio is taken round by round.`,
    `A message is 1,024 bytes of JSON. End to end counts the drain: delivered / (first to last arrival).`,
    `Machine: ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGigabytes} GiB, ${machine.kernel},`,
    `${machine.disk}${table.addedFsyncMillis === undefined ? '' : `, ${table.addedFsyncMillis} ms added to every sync`};`,
    `Node ${machine.node}, SQLite ${machine.sqlite}. Participant, services, load generator and sink share its cores.`,
    `A round in which others used more than ${noisyCores} cores was repeated, at most ${repeats} times.`,
    quiet(rows),
  ].join('\n')

const quiet = (rows: readonly Row[]): string => {
  const others = rows.filter(isMeasured).map((row) => figureOf(row, 'cpuOthers'))
  const most = Math.max(0, ...others.map(({ median }) => median))
  return most > noisyCores
    ? `**Not a quiet machine**: others used up to ${number(most)} cores (median of a participant's rounds).`
    : `A quiet machine: others used at most ${number(most)} cores.`
}

const results = (run: TableRun): string[] => {
  const reference = rowNamed(run, run.table.reference)
  const head = [
    'participant',
    ...run.table.columns.map((column) => titles[column]),
    `× ${reference?.name ?? run.table.reference} (range)`,
    'after the 202',
  ]
  return grid(
    head,
    run.rows.map((row) => resultCells(run, row)),
  )
}

const resultCells = (run: TableRun, row: Row): string[] => {
  const { columns, ratioOf: figure, reference } = run.table
  if (!isMeasured(row))
    return [row.name, firstLine(row.reason ?? 'no figures'), ...columns.map(() => ''), row.durability]
  const share = ratioOf(run, row, figure, reference)
  return [
    row.reason === undefined ? row.name : `${row.name} (${firstLine(row.reason)})`,
    ...columns.map((column) => cell(figureOf(row, column), ranged.includes(column))),
    share === undefined ? '' : cell(share, true),
    row.durability,
  ]
}

const targetLines = (run: TableRun): string[] => {
  const judged = verdicts(run)
  if (judged.length === 0) return []
  return [
    '## Targets',
    '',
    ...grid(
      ['target', 'measured (range)', 'verdict'],
      judged.map(({ text, measured, verdict }) => [
        text,
        measured === undefined ? '' : cell(measured, true),
        verdict,
      ]),
    ),
    '',
  ]
}

const cpuTable = (run: TableRun): string[] => {
  const measured = run.rows.filter(isMeasured)
  if (measured.length === 0) return []
  return [
    '## Where the CPU went (cores), and what was counted at the sink (all rounds)',
    '',
    ...grid(
      ['participant', ...[...shares, ...counts].map((figure) => titles[figure]), 'limited by'],
      measured.map((row) => [
        row.name,
        ...shares.map((figure) => cell(figureOf(row, figure), false)),
        ...counts.map((figure) => String(total(row, figure))),
        run.table.rate === undefined ? limitOf(row) : 'the stated rate',
      ]),
    ),
  ]
}

const bareLine = (bare: Bare): string => {
  const rate = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`
  return [
    `The machine's bare rates: node:http POST and parse ${rate(bare.http)};`,
    `SQLite inserts in groups of 1, 100, 1,000: ${rate(bare.sqlite1)}, ${rate(bare.sqlite100)}, ${rate(bare.sqlite1000)};`,
    `4 KiB append with fsync ${rate(bare.fsync)}, with fdatasync ${rate(bare.fdatasync)}.`,
  ].join('\n')
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!

const isMeasured = (row: Row): boolean => row.rounds.some((round) => round !== undefined)

const total = (row: Row, figure: FigureName): number =>
  row.rounds.reduce((sum, round) => sum + (round?.[figure] ?? 0), 0)

const cell = ({ median, min, max }: Spread, withRange: boolean): string =>
  withRange ? `${number(median)} (${number(min)}–${number(max)})` : number(median)

const number = (value: number): string => {
  if (Number.isNaN(value)) return '–'
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const grid = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}
