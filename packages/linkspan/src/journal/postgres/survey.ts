import type { ClusterMember, ClusterPartition, ClusterSurvey, RunningCount } from '../journal.ts'
import type { Row } from './client.ts'
import { flowsOf } from './joining.ts'
import { rowDamaged } from './postgres-error.ts'
import type { Reading } from './reading.ts'

/** Who shares a journal and what each owns. */
export async function readMembers(reading: Reading, self: number | null): Promise<readonly ClusterMember[]> {
  return (await lookAtMembers(reading, self)).members
}

/** The same, and what lies where. It counts all that waits: for people. */
export async function readSurvey(reading: Reading, self: number | null): Promise<ClusterSurvey> {
  const { look, schema } = reading
  const [{ now, members }, partitions] = await Promise.all([
    lookAtMembers(reading, self),
    look(
      `SELECT p.partition, p.owner, coalesce(w.waiting, 0) AS waiting, w.oldest FROM ${schema}.partitions p
       LEFT JOIN (SELECT partition, count(*) AS waiting, min(accepted_at) AS oldest FROM ${schema}.waits GROUP BY 1) w
         ON w.partition = p.partition ORDER BY p.partition`,
    ),
  ])
  const parts = partitions as readonly unknown[] as readonly ClusterPartition[]
  return {
    now,
    members,
    partitions: parts.map(({ partition, owner, waiting, oldest }) => ({ partition, owner, waiting, oldest })),
  }
}

/** How many messages run, whoever runs them. None lies below the low water, which is what keeps this short. */
export async function readRunning(reading: Reading): Promise<readonly RunningCount[]> {
  const { look, lowWater, names, place, schema } = reading
  const rows = await look(
    `SELECT m.flow, m.parent_seq IS NOT NULL AS child, count(*) AS count FROM ${schema}.messages m
     WHERE m.seq >= $1 AND NOT EXISTS (SELECT FROM ${schema}.settlements s WHERE s.seq = m.seq AND s.seq >= $1)
       AND NOT EXISTS (SELECT FROM ${schema}.waits w WHERE w.seq = m.seq AND w.seq >= $1)
     GROUP BY 1, 2`,
    await lowWater(),
  )
  const counts = rows as readonly unknown[] as readonly { flow: number; child: boolean; count: number }[]
  await names.learn(counts.map(({ flow }) => flow))
  return counts.map(({ flow, child, count }) => {
    const name = names.nameOf(flow)
    if (name === undefined) throw rowDamaged(place, `name ${flow}`, 'it is missing')
    return { flow: name, child, count }
  })
}

async function lookAtMembers(
  { look, schema }: Reading,
  self: number | null,
): Promise<Pick<ClusterSurvey, 'now' | 'members'>> {
  const rows = await look(
    `SELECT m.id, m.name, ${ms('m.since')} AS since, ${ms('m.lease_until')} AS lease_until, m.flows::text AS flows,
       CASE WHEN m.closed THEN 'closed' WHEN m.fenced OR m.lease_until <= clock_timestamp() THEN 'dead' ELSE 'live' END
         AS state, m.fenced, m.clock_ahead_ms, ${ms('clock_timestamp()')} AS now,
       (SELECT json_agg(p.partition ORDER BY p.partition)::text FROM ${schema}.partitions p WHERE p.owner = m.id) AS owned
     FROM ${schema}.members m ORDER BY m.id`,
  )
  return {
    now: Math.round((rows[0]?.['now'] as number | undefined) ?? 0),
    members: rows.map((row) => memberOf(row, self)),
  }
}

const ms = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::float8`

function memberOf(row: Row, self: number | null): ClusterMember {
  const member = row['id'] as number
  return {
    member,
    name: row['name'] as string,
    since: Math.round(row['since'] as number),
    leaseUntil: Math.round(row['lease_until'] as number),
    state: row['state'] as ClusterMember['state'],
    self: member === self,
    ...(row['fenced'] === true ? { fenced: true } : {}),
    partitions: JSON.parse((row['owned'] as string | null) ?? '[]') as readonly number[],
    ...flowsOf(row['flows'] as string),
    ...(typeof row['clock_ahead_ms'] === 'number' ? { clockAheadMs: Math.round(row['clock_ahead_ms']) } : {}),
  }
}
