import { floors } from '../participants.ts'
import type { Row, TableRun } from '../run/table-run.ts'
import { type Target, targets } from '../targets.ts'
import type { FigureName } from './figures.ts'
import { median, ratios, type Spread, spread } from './statistics.ts'

export type Verdict = {
  readonly text: string
  readonly verdict: 'reached' | 'missed' | 'not measured'
  /** The ratio or the figure that was measured. */
  readonly measured?: Spread
}

export const valuesOf = (row: Row, figure: FigureName): (number | undefined)[] =>
  row.rounds.map((round) => round?.[figure])

export const figureOf = (row: Row, figure: FigureName): Spread =>
  spread(valuesOf(row, figure).filter((value) => value !== undefined))

/** The row that a name means; `floor` is the floor with the better median. */
export const rowNamed = (run: TableRun, name: string): Row | undefined => {
  const measured = run.rows.filter((row) => row.rounds.some((round) => round !== undefined))
  if (name !== 'floor') return measured.find((row) => row.name === name)
  const smaller = run.table.ratioOf === 'ackP99' ? -1 : 1
  const worth = (row: Row): number =>
    smaller * median(valuesOf(row, run.table.ratioOf).filter((value) => value !== undefined))
  return measured.filter((row) => floors.includes(row.name)).sort((a, b) => worth(b) - worth(a))[0]
}

/** The row's figure as a share of the reference's, round by round. */
export const ratioOf = (
  run: TableRun,
  row: Row,
  figure: FigureName,
  reference: string,
): Spread | undefined => {
  const other = rowNamed(run, reference)
  if (other === undefined) return undefined
  const shares = ratios(valuesOf(row, figure), valuesOf(other, figure))
  return shares.length === 0 ? undefined : spread(shares)
}

/** Holds the table's targets against what was measured; what was not measured is never reached. */
export const verdicts = (run: TableRun): Verdict[] =>
  targets.filter(({ table }) => table === run.table.id).map((target) => judge(run, target))

const judge = (run: TableRun, target: Target): Verdict => {
  const row = rowNamed(run, target.participant)
  const measured = row === undefined ? undefined : measuredFor(run, row, target)
  if (measured === undefined || Number.isNaN(measured.median)) {
    return { text: target.text, verdict: 'not measured' }
  }
  const reached = 'atLeast' in target ? measured.median >= target.atLeast : measured.median <= target.atMost
  return { text: target.text, verdict: reached ? 'reached' : 'missed', measured }
}

const measuredFor = (run: TableRun, row: Row, { figure, against }: Target): Spread | undefined =>
  against === undefined ? figureOf(row, figure) : ratioOf(run, row, figure, against)
