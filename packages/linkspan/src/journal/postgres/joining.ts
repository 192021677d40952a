import { LinkspanError } from '../../model/errors.ts'
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
}

/** What an engine joins with. */
export interface Joining {
  readonly leaseMs: number
  /** Null: what the journal has. */
  readonly partitions: number | null
  readonly flows: ReadonlyMap<string, string>
  readonly monotonic: () => number
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
}

/**
 * Puts this process among the members of a journal. Members whose lease has run out, or whose process is gone from this
 * host, are fenced: the database refuses whatever they still write.
 * @throws {LinkspanError} `JOURNAL_IN_USE` where engines of another cluster live, `CONFIG_INVALID` where the number of
 * partitions is another one
 */
export async function join(ask: Ask, schema: string, place: string, joining: Joining): Promise<Membership> {
  const { leaseMs, partitions, flows, monotonic } = joining
  const mark = ownMark()
  const gone = await goneFrom(mark.host, ask, schema)
  const sentAt = monotonic()
  const values = [mark.name, leaseMs, partitions, flowsText(flows), mark.host, mark.process, gone]
  const [row] = await ask(`SELECT * FROM ${schema}.join_1($1, $2, $3, $4, $5, $6, $7::bigint[])`, values)
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

/** Flows with their code versions as the database keeps them. */
export function flowsText(flows: ReadonlyMap<string, string>): string {
  return JSON.stringify(
    Object.fromEntries([...flows].map(([name, version]) => [toText(name), toText(version)])),
  )
}

/** The inverse of {@link flowsText}. */
export function flowsOf(text: string): Readonly<Record<string, string>> {
  const stored = JSON.parse(text) as Readonly<Record<string, string>>
  return Object.fromEntries(
    Object.entries(stored).map(([name, version]) => [fromText(name), fromText(version)]),
  )
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
