import type { FieldDifference, ReplayDifference, ReplayReport } from '../index.ts'
import { differenceLines, fieldDifferences } from './field-differences.ts'
import type { Output } from './output.ts'
import { clean, counted, oneLine } from './text.ts'

/** Differences of the same step and kind that touch the same fields. */
export interface DifferenceGroup {
  readonly flow: string
  readonly path: string
  readonly kind: ReplayDifference['kind']
  /** The JSON Pointers of the fields that differ; empty when whole calls do. */
  readonly fields: readonly string[]
  readonly differences: readonly ReplayDifference[]
}

const WHAT: Readonly<Record<ReplayDifference['kind'], string>> = {
  added: 'would now be sent and was not',
  removed: 'was sent and would not be now',
  changed: 'would be sent differently',
  unanswerable: 'would make a call whose answer is not on record',
  ending: 'would end otherwise',
  error: 'could not be replayed',
}

/** Groups differences, the most frequent first. Indices of lists count as one field. */
export function groupDifferences(differences: readonly ReplayDifference[]): readonly DifferenceGroup[] {
  const groups = new Map<
    string,
    { group: Omit<DifferenceGroup, 'differences'>; members: ReplayDifference[] }
  >()
  for (const difference of differences) {
    const { flow, path, kind } = difference
    const fields = [
      ...new Set(fieldsOf(difference).map((field) => field.path.replace(/\/\d+(?=\/|$)/g, '/*'))),
    ]
    const id = JSON.stringify([flow, path, kind, fields])
    const entry = groups.get(id) ?? { group: { flow, path, kind, fields }, members: [] }
    entry.members.push(difference)
    groups.set(id, entry)
  }
  return [...groups.values()]
    .map(({ group, members }) => ({ ...group, differences: members }))
    .sort((a, b) => b.differences.length - a.differences.length)
}

function fieldsOf({ kind, before, after, fields }: ReplayDifference): readonly FieldDifference[] {
  if (fields.length > 0) return fields
  return kind === 'changed' || kind === 'ending' ? fieldDifferences(before, after) : []
}

const EXAMPLES = 3

/** Prints what would now be sent differently; with `diff`, field by field for some messages of each group. */
export function showReplay(out: Output, report: ReplayReport, diff: boolean): void {
  const differing = new Set(report.differences.map(({ id }) => id)).size
  out.line(
    `Replayed ${counted(report.messages, 'message')}: ${report.unchanged.toLocaleString('en-US')} unchanged, ${differing.toLocaleString('en-US')} different.`,
  )
  for (const group of groupDifferences(report.differences)) {
    out.line()
    const place = group.path === '' ? group.flow : `${group.flow} / ${group.path}`
    out.line(
      `${out.style('strong', clean(place))}  ${counted(group.differences.length, 'message')} ${WHAT[group.kind]}`,
    )
    if (group.fields.length > 0) out.line(`  in ${clean(group.fields.join(', ') || 'the whole')}`)
    if (diff) for (const difference of group.differences.slice(0, EXAMPLES)) showDifference(out, difference)
    else out.line(out.style('dim', `  ${idsText(group.differences)}`))
    if (diff && group.differences.length > EXAMPLES)
      out.line(
        out.style('dim', `  and ${group.differences.length - EXAMPLES} more like these; --json has them all`),
      )
  }
}

function idsText(differences: readonly ReplayDifference[]): string {
  const ids = differences.slice(0, EXAMPLES).map(({ id }) => clean(id))
  return differences.length > EXAMPLES ? `${ids.join(', ')}, …` : ids.join(', ')
}

function showDifference(out: Output, difference: ReplayDifference): void {
  const key = difference.key === null ? '' : `  key ${clean(difference.key)}`
  out.line(`  ${out.style('dim', `${clean(difference.id)}${key}`)}`)
  const fields = fieldsOf(difference)
  const width = out.width - 4
  const lines = fields.length > 0 ? differenceLines(fields, out.style, width) : wholeLines(out, difference)
  for (const line of lines) out.line(`    ${line}`)
}

function wholeLines({ style }: Output, { before, after }: ReplayDifference): readonly string[] {
  return [
    ...(before === null ? [] : [style('removed', `- ${oneLine(before)}`)]),
    ...(after === null ? [] : [style('added', `+ ${oneLine(after)}`)]),
  ]
}
