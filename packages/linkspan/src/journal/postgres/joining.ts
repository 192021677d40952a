import { LinkspanError } from '../../model/errors.ts'
import type { ClusterMember } from '../journal.ts'
import type { Reading } from './database-time.ts'
import { isGone, ownMark } from './process-mark.ts'
import type { Ask } from './schema.ts'
import { fromText, toText } from './text.ts'

/** The right to write to a journal: a row of `members` with a lease that others respect until it runs out. */
export interface Membership {
  readonly member: number
  readonly incarnation: string
  readonly partitions: number
  readonly crashed: boolean
  readonly lastSeq: number
  readonly lowWater: number
  readonly historySize: number
  /** When the request was sent that the lease began with, by the monotonic clock. */
  readonly sentAt: number
  /** When the answer came, by that clock, and what the database's showed shortly before. */
  readonly answered: Reading
}

/** What an engine joins with. */
export interface Joining {
  readonly leaseMs: number
  /** Null: what the journal has. */
  readonly partitions: number | null
  readonly flows: ReadonlyMap<string, string>
  readonly formerNames: ReadonlyMap<string, string>
  readonly monotonic: () => number
  /** What this machine's clock shows. */
  readonly wall: () => number
}

interface Joined {
  readonly member: number | null
  readonly incarnation: string
  readonly parts: number
  readonly crashed: boolean
  readonly last_seq: number
  readonly low_water: number
  readonly history_size: number
  readonly others: string | null
  readonly other_flows: string
  readonly remaining_ms: number
  readonly now_ms: number
}

/**
 * Puts this process among the members of a journal. Members whose lease has run out, or whose process is gone from this
 * host, are fenced: the database refuses whatever they still write.
 * @throws {LinkspanError} `JOURNAL_IN_USE` where engines of another cluster live, `CONFIG_INVALID` where the number of
 * partitions is another one
 */
export async function join(ask: Ask, schema: string, place: string, joining: Joining): Promise<Membership> {
  const { leaseMs, partitions, flows, formerNames, monotonic, wall } = joining
  const mark = ownMark()
  const gone = await goneFrom(mark.host, ask, schema)
  const sentAt = monotonic()
  const values = [
    mark.name,
    leaseMs,
    partitions,
    flowsText(flows, formerNames),
    mark.host,
    mark.process,
    gone,
    wall(),
  ]
  const [row] = await ask(`SELECT * FROM ${schema}.join_1($1, $2, $3, $4, $5, $6, $7::bigint[], $8)`, values)
  const found = row as unknown as Joined
  if (found.member === null)
    throw found.others === null ? otherPartitions(found, joining, place) : inUse(found, place)
  return {
    member: found.member,
    incarnation: found.incarnation,
    partitions: found.parts,
    crashed: found.crashed,
    lastSeq: found.last_seq,
    lowWater: found.low_water,
    historySize: found.history_size,
    sentAt,
    answered: { sentAt, receivedAt: monotonic(), nowMs: found.now_ms },
  }
}

/** Members whose process ran on this host and certainly runs no more. */
async function goneFrom(host: string, ask: Ask, schema: string): Promise<readonly number[]> {
  if (host === '') return []
  const rows = await ask(
    `SELECT id, process FROM ${schema}.members WHERE host = $1 AND NOT fenced AND NOT closed`,
    [host],
  )
  const members = rows as readonly unknown[] as readonly { id: number; process: string }[]
  return members.filter(({ process }) => isGone(process)).map(({ id }) => id)
}

/** Before the present name, where the database keeps what a flow was called instead of a code version. */
const CALLED_NOW = '='

/**
 * Flows with their code versions as the database keeps them. Their former names are among them, so that engines which
 * know a flow under different names have it in common.
 */
export function flowsText(
  flows: ReadonlyMap<string, string>,
  formerNames: ReadonlyMap<string, string> = new Map(),
): string {
  const former = [...formerNames].map(([name, present]) => [name, `${CALLED_NOW}${present}`] as const)
  return JSON.stringify(
    Object.fromEntries([...former, ...flows].map(([name, said]) => [toText(name), toText(said)])),
  )
}

/** The inverse of {@link flowsText}. */
export function flowsOf(text: string): Pick<ClusterMember, 'flows' | 'formerNames'> {
  const stored = Object.entries(JSON.parse(text) as Readonly<Record<string, string>>).map(
    ([name, said]) => [fromText(name), fromText(said)] as const,
  )
  const isFormer = ([, said]: readonly [string, string]): boolean => said.startsWith(CALLED_NOW)
  const former = stored.filter(isFormer).map(([name, said]) => [name, said.slice(CALLED_NOW.length)])
  const flows = Object.fromEntries(stored.filter((entry) => !isFormer(entry)))
  return former.length === 0 ? { flows } : { flows, formerNames: Object.fromEntries(former) }
}

function otherPartitions({ parts }: Joined, { partitions }: Joining, place: string): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `The journal in ${place} is cut into ${parts} partitions, which stays so, and the project says ${partitions}. ` +
      `Take "partitions" out, or set it to ${parts}; nothing was changed.`,
    { details: { place, partitions: parts, given: partitions } },
  )
}

function inUse(
  { others, other_flows: flows, remaining_ms: remainingMs }: Joined,
  place: string,
): LinkspanError {
  return new LinkspanError(
    'JOURNAL_IN_USE',
    `The journal in ${place} is in use by ${others}, with other flows: ${fromText(flows)}. ` +
      'Engines that share a journal have flows in common. Give this one a schema of its own, or stop those first.',
    {
      retry: { afterMs: Math.max(1, Math.ceil(remainingMs)) },
      details: { place, others, flows: fromText(flows) },
    },
  )
}
