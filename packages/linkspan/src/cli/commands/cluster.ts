import type { ClusterLoan, ClusterMember, ClusterPartition, ClusterView } from '../../index.ts'
import { formatDuration } from '../../model/duration.ts'
import type { Column, Output } from '../output.ts'
import { counted } from '../text.ts'
import { formatAge } from '../time.ts'
import { defineVerb, type Verb } from '../verb.ts'

/** `linkspan cluster`. */
export const cluster: Verb = defineVerb({
  usage: 'cluster',
  summary: 'Show the engines that share the journal, what each owns, and what waits there',
  details: 'A journal on SQLite has one engine; one on PostgreSQL is shared by all that are started on it.',
  examples: ['linkspan cluster', 'linkspan cluster --json'],
  reach: 'engine',
  run: ({ door, out }) =>
    door.withReader(async (admin) => {
      const survey = await admin.cluster()
      if (out.json) out.document(survey)
      else show(survey, out)
      return undefined
    }),
})

/** A member with what waits in its partitions. */
interface Row extends ClusterMember {
  readonly waiting: number
  readonly oldest: number | null
}

function show(survey: ClusterView, out: Output): void {
  const { now, members, partitions } = survey
  out.table(
    members.map((member) => rowOf(member, partitions)),
    columns(now),
  )
  for (const remark of remarksOn(survey)) out.note(remark)
}

function rowOf(member: ClusterMember, partitions: readonly ClusterPartition[]): Row {
  return { ...member, ...lagOf(partitions.filter(({ owner }) => owner === member.member)) }
}

function lagOf(partitions: readonly ClusterPartition[]): Pick<Row, 'waiting' | 'oldest'> {
  const oldest = partitions.flatMap((partition) => partition.oldest ?? [])
  return {
    waiting: partitions.reduce((sum, { waiting }) => sum + waiting, 0),
    oldest: oldest.length === 0 ? null : Math.min(...oldest),
  }
}

function columns(now: number): readonly Column<Row>[] {
  return [
    { title: 'MEMBER', value: ({ member, self }) => `${member}${self ? ' *' : ''}`, align: 'right' },
    { title: 'ENGINE', value: ({ name }) => name, flexible: true },
    {
      title: 'STATE',
      value: ({ state }) => state,
      tone: ({ state }) => (state === 'dead' ? 'bad' : state === 'closed' ? 'dim' : null),
    },
    {
      title: 'CLOCK',
      value: ({ clockAheadMs }) => formatOff(clockAheadMs ?? 0),
      tone: ({ clockAheadMs }) => (isOff(clockAheadMs) ? 'bad' : null),
    },
    { title: 'SINCE', value: ({ since }) => formatAge(since, now) },
    { title: 'PARTITIONS', value: ({ partitions }) => String(partitions.length), align: 'right' },
    { title: 'WAITING', value: ({ waiting }) => String(waiting), align: 'right' },
    { title: 'OLDEST', value: ({ oldest }) => (oldest === null ? '' : formatAge(oldest, now)) },
  ]
}

/** What is less is as good as right. */
const OFF_MS = 1_000

const isOff = (aheadMs = 0): boolean => Math.abs(aheadMs) > OFF_MS

function formatOff(aheadMs: number): string {
  return isOff(aheadMs) ? `${aheadMs < 0 ? '-' : '+'}${formatDuration(Math.abs(aheadMs))}` : 'right'
}

/** What a person should know beyond the numbers. */
function remarksOn({ members, partitions, loans }: ClusterView): readonly string[] {
  const unowned = partitions.filter(({ owner }) => owner === null)
  const { waiting } = lagOf(unowned)
  const remarks =
    unowned.length === 0
      ? []
      : [
          `${unowned.length} of ${counted(partitions.length, 'partition')} have no owner just now; ${counted(waiting, 'message')} wait there until an engine takes them.`,
        ]
  const live = members.filter(({ state }) => state === 'live')
  return [...remarks, ...missingFlows(live), ...lent(loans, members), ...wrongClocks(live)]
}

function wrongClocks(live: readonly ClusterMember[]): readonly string[] {
  return live.flatMap(({ name, clockAheadMs = 0 }) => {
    const off = `${formatDuration(Math.abs(clockAheadMs))} ${clockAheadMs < 0 ? 'behind' : 'ahead of'}`
    return isOff(clockAheadMs)
      ? [`The clock of ${name} is ${off} the journal's, which it goes by instead. Set it right.`]
      : []
  })
}

/** What is run for the owners of its partitions. */
function lent(loans: readonly ClusterLoan[], members: readonly ClusterMember[]): readonly string[] {
  return loans.map(({ flow, to, count }) => {
    const name = members.find(({ member }) => member === to)?.name ?? 'an engine that is gone'
    return `${name} (member ${to}) runs ${counted(count, 'message')} of the flow ${flow} for the owners of their partitions.`
  })
}

/** Flows that not all engines have: owners that lack one lend its messages. */
function missingFlows(live: readonly ClusterMember[]): readonly string[] {
  const flows = new Set(live.flatMap((member) => Object.keys(member.flows)))
  return [...flows].flatMap((flow) => {
    const without = live.filter((member) => !hasFlow(member, flow, live))
    const versions = new Set(live.flatMap((member) => member.flows[flow] ?? []))
    const names = without.map(({ name }) => name).join(', ')
    if (without.length > 0)
      return [
        `The flow ${flow} is not deployed on ${names}: what lies in their partitions is lent to engines that have it.`,
      ]
    return versions.size > 1 ? [`The flow ${flow} runs in ${versions.size} versions.`] : []
  })
}

/** Under that name, or under one that another engine calls it by. */
function hasFlow(
  { flows, formerNames = {} }: ClusterMember,
  flow: string,
  live: readonly ClusterMember[],
): boolean {
  const calledBefore = live.flatMap((member) =>
    Object.entries(member.formerNames ?? {}).flatMap(([former, now]) => (now === flow ? [former] : [])),
  )
  return (
    Object.hasOwn(formerNames, flow) || [flow, ...calledBefore].some((name) => Object.hasOwn(flows, name))
  )
}
