import { patternRow } from './participants.ts'
import type { FigureName } from './report/figures.ts'
import type { TableId } from './tables.ts'

/** A stated aim. With `against` it is about the ratio per round, without it about the figure itself. */
export type Target = {
  readonly table: TableId
  readonly text: string
  readonly participant: string
  readonly figure: FigureName
  readonly against?: string
} & ({ readonly atLeast: number } | { readonly atMost: number })

const ours = 'linkspan (key)'

const onPostgres = 'linkspan (postgres)'

const fasterOnPostgres = (peer: string, times: number): Target => ({
  table: 'cluster',
  text: `on PostgreSQL end to end at least ${times} × ${peer}`,
  participant: onPostgres,
  figure: 'endToEnd',
  against: peer,
  atLeast: times,
})

const faster = (peer: string, times: number): Target => ({
  table: 'peers',
  text: `end to end at least ${times} × ${peer}`,
  participant: ours,
  figure: 'endToEnd',
  against: peer,
  atLeast: times,
})

/** As flows from topic to topic are meant to be run. */
const ourRelay = 'linkspan (kafka, source)'

const fromTopic = (table: 'kafka' | 'kafka-8'): readonly Target[] => [
  relayTarget(table, 'ahead of Camel', 'camel (kafka)', 1),
  relayTarget(table, 'ahead of Camel with batches', 'camel (kafka, batches)', 1),
  relayTarget(table, 'at least 0.6 × Redpanda Connect', 'redpanda connect (kafka)', 0.6),
  relayTarget(table, 'at least 0.8 × the bare loop', 'bare loop (kafka)', 0.8),
  {
    table,
    text: "resident memory below Camel's",
    participant: ourRelay,
    figure: 'peak',
    against: 'camel (kafka)',
    atMost: 1,
  },
]

const relayTarget = (table: 'kafka' | 'kafka-8', text: string, against: string, atLeast: number): Target => ({
  table,
  text,
  participant: ourRelay,
  figure: 'endToEnd',
  against,
  atLeast,
})

export const targets: readonly Target[] = [
  ...fromTopic('kafka'),
  ...fromTopic('kafka-8'),
  {
    table: 'floor',
    text: 'end to end at least 0.8 × the floor',
    participant: ours,
    figure: 'endToEnd',
    against: 'floor',
    atLeast: 0.8,
  },
  faster('bullmq', 2.5),
  faster('pg-boss', 6),
  faster('graphile-worker', 8),
  faster('dbos', 30),
  faster('node-red', 4),
  fasterOnPostgres('pg-boss', 4),
  fasterOnPostgres('graphile-worker', 5),
  fasterOnPostgres('dbos', 20),
  {
    table: 'cluster-latency',
    text: 'on PostgreSQL acknowledgement p99 at 1,000 messages/s at most 15 ms',
    participant: onPostgres,
    figure: 'ackP99',
    atMost: 15,
  },
  {
    table: 'cluster-history',
    text: "on PostgreSQL with 20 million ended messages at least 0.9 × the empty journal's rate",
    participant: 'linkspan (postgres, 20 million ended)',
    figure: 'endToEnd',
    against: onPostgres,
    atLeast: 0.9,
  },
  {
    table: 'latency',
    text: "acknowledgement p99 at 1,000 messages/s at most 2 × the floor's",
    participant: ours,
    figure: 'ackP99',
    against: 'floor',
    atMost: 2,
  },
  {
    table: 'startup',
    text: 'start to first accepted message at most 450 ms',
    participant: ours,
    figure: 'firstAccepted',
    atMost: 450,
  },
  {
    table: 'startup',
    text: 'resident memory idle at most 110 MB',
    participant: ours,
    figure: 'idle',
    atMost: 110,
  },
  {
    table: 'memory',
    text: 'resident memory saturated at most 350 MB',
    participant: ours,
    figure: 'peak',
    atMost: 350,
  },
  {
    table: 'memory',
    text: 'flat over the run: last quarter at most 1.05 × the second',
    participant: ours,
    figure: 'growth',
    atMost: 1.05,
  },
  {
    table: 'history',
    text: "with 5 million ended messages at least 0.9 × the empty journal's rate",
    participant: 'linkspan (5 million ended)',
    figure: 'endToEnd',
    against: ours,
    atLeast: 0.9,
  },
  {
    table: 'patterns-mixed',
    text: "a flow of 20 mixed steps at least 0.5 × the one-step flow's rate",
    participant: patternRow('20 mixed steps'),
    figure: 'endToEnd',
    against: ours,
    atLeast: 0.5,
  },
  {
    table: 'live-keys',
    text: 'resident memory at most 600 MB, with a million live keys (fewer with --keys, or in a run with fewer messages)',
    participant: 'linkspan (live keys)',
    figure: 'peak',
    atMost: 600,
  },
  {
    table: 'live-keys',
    text: 'flat over the run: last quarter at most 1.05 × the second',
    participant: 'linkspan (live keys)',
    figure: 'growth',
    atMost: 1.05,
  },
  {
    table: 'steps',
    text: 'one more pure step costs at most 3 % of the rate',
    participant: 'linkspan (1 more pure step)',
    figure: 'endToEnd',
    against: ours,
    atLeast: 0.97,
  },
]
