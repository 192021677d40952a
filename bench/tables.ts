import { mixNames, patternNames } from './linkspan/pattern-names.ts'
import { floors, patternRow } from './participants.ts'
import type { FigureName } from './report/figures.ts'

/** One table of the benchmark, as data. */
export type Table = {
  readonly id: TableId
  readonly title: string
  readonly participants: readonly string[]
  /** Whose figure the ratio column is of; `floor` is the better of the two floors. */
  readonly reference: string
  readonly ratioOf: FigureName
  readonly columns: readonly FigureName[]
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly idleSeconds: number
  readonly rate?: number
  readonly addedFsyncMillis?: number
  readonly bare: boolean
  /** Its rows go from topic to topic, instead of from HTTP to HTTP. */
  readonly kafka?: { readonly partitions: number; readonly orders: number }
}

export type TableId =
  | 'floor'
  | 'peers'
  | 'fsync'
  | 'latency'
  | 'memory'
  | 'startup'
  | 'steps'
  | 'patterns'
  | 'patterns-mixed'
  | 'live-keys'
  | 'history'
  | 'cluster'
  | 'cluster-latency'
  | 'cluster-history'
  | 'kafka'
  | 'kafka-8'

const throughput: readonly FigureName[] = ['endToEnd', 'accept', 'ackP50', 'ackP99', 'peak', 'cpuPerMessage']
const closed = {
  reference: 'floor',
  ratioOf: 'endToEnd',
  columns: throughput,
  seconds: 4,
  warmUpSeconds: 1.5,
  idleSeconds: 0,
  bare: false,
} as const

const withDatabase: readonly FigureName[] = [
  'endToEnd',
  'accept',
  'ackP50',
  'ackP99',
  'cpuPerMessage',
  'cpuServicePerMessage',
  'writtenPerMessage',
]

const guarantees = ['linkspan (key)', 'linkspan (natural)', 'linkspan (verify)', 'linkspan (none)']
const threads = ['linkspan (main thread)', 'linkspan (worker)']
const onPostgres = ['linkspan (postgres)', 'linkspan (postgres, 2 engines)', 'linkspan (postgres, 4 engines)']
const peersOnPostgres = ['pg-boss', 'graphile-worker', 'dbos']
const onKafka = [
  'bare loop (kafka)',
  'linkspan (kafka)',
  'linkspan (kafka, source)',
  'camel (kafka)',
  'camel (kafka, batches)',
  'redpanda connect (kafka)',
]
const fromTopic: readonly FigureName[] = [
  'endToEnd',
  'ready',
  'peak',
  'cpuPerMessage',
  'cpuServicePerMessage',
]
const peers = ['bullmq', 'pg-boss', 'graphile-worker', 'dbos', 'node-red', 'n8n']

export const tables: readonly Table[] = [
  {
    ...closed,
    id: 'floor',
    title: 'Linkspan against the floor: 64 connections, closed loop',
    participants: [...floors, 'relay with undici.request', ...guarantees],
    bare: true,
  },
  {
    ...closed,
    id: 'peers',
    title: 'Linkspan against its peers: 64 connections, closed loop',
    participants: [...floors, 'linkspan (key)', ...peers],
    bare: true,
  },
  {
    ...closed,
    id: 'fsync',
    title: 'An ordinary disk: 5 ms added to every fsync and fdatasync',
    participants: [...floors, ...threads],
    addedFsyncMillis: 5,
    bare: true,
  },
  {
    ...closed,
    id: 'latency',
    title: 'Acknowledgement at 1,000 messages/s, open loop, from the scheduled time',
    participants: [...floors, 'relay with undici.request', ...guarantees],
    ratioOf: 'ackP99',
    columns: ['ackP50', 'ackP99', 'endToEndP50', 'endToEndP99', 'lagP99', 'cpuPerMessage'],
    rate: 1000,
    seconds: 5,
  },
  {
    ...closed,
    id: 'memory',
    title: 'Resident memory, idle and saturated',
    participants: ['floor (worker)', 'linkspan (key)'],
    reference: 'floor (worker)',
    ratioOf: 'peak',
    columns: ['idle', 'peak', 'growth', 'endToEnd', 'accept'],
    seconds: 600,
    idleSeconds: 2,
  },
  {
    ...closed,
    id: 'startup',
    title: 'From spawn to the first accepted message, and memory at rest',
    participants: [...floors, 'linkspan (key)'],
    reference: 'floor (main thread)',
    ratioOf: 'firstAccepted',
    columns: ['ready', 'firstAccepted', 'idle'],
    seconds: 0.5,
    warmUpSeconds: 0.1,
    idleSeconds: 2,
  },
  {
    ...closed,
    id: 'steps',
    title: 'What more pure steps cost',
    participants: ['linkspan (key)', 'linkspan (1 more pure step)', 'linkspan (10 more pure steps)'],
    reference: 'linkspan (key)',
  },
  {
    ...closed,
    id: 'patterns',
    title: 'What a step of each pattern costs, against one more map',
    participants: patternNames.map(patternRow),
    reference: patternRow('map'),
    columns: ['endToEnd', 'ackP50', 'ackP99', 'peak', 'cpuPerMessage'],
    seconds: 3,
  },
  {
    ...closed,
    id: 'patterns-mixed',
    title: 'Twenty mixed steps against the flow of one step',
    participants: ['linkspan (key)', ...mixNames.map(patternRow)],
    reference: 'linkspan (key)',
  },
  {
    ...closed,
    id: 'live-keys',
    title: 'Resident memory with many live keys: state, sampling, throttle, dedupe and aggregate by key',
    participants: ['linkspan (live keys)'],
    reference: 'linkspan (live keys)',
    ratioOf: 'peak',
    columns: ['idle', 'peak', 'growth', 'endToEnd', 'accept'],
    seconds: 600,
    idleSeconds: 2,
  },
  {
    ...closed,
    id: 'history',
    title: 'With 5 million ended messages in the journal',
    participants: ['linkspan (key)', 'linkspan (5 million ended)'],
    reference: 'linkspan (key)',
  },
  {
    ...closed,
    id: 'cluster',
    title: 'On PostgreSQL: one engine against its peers, and several engines on one journal',
    participants: [...onPostgres, ...peersOnPostgres],
    reference: 'linkspan (postgres)',
    columns: withDatabase,
  },
  {
    ...closed,
    id: 'cluster-latency',
    title: 'On PostgreSQL: acknowledgement at 1,000 messages/s, open loop, from the scheduled time',
    participants: onPostgres,
    reference: 'linkspan (postgres)',
    ratioOf: 'ackP99',
    columns: ['ackP50', 'ackP99', 'endToEndP50', 'endToEndP99', 'lagP99', 'cpuPerMessage'],
    rate: 1000,
    seconds: 5,
  },
  {
    ...closed,
    id: 'cluster-history',
    title: 'On PostgreSQL: with 20 million ended messages in the journal',
    participants: ['linkspan (postgres)', 'linkspan (postgres, 20 million ended)'],
    reference: 'linkspan (postgres)',
    columns: withDatabase,
  },
  {
    ...closed,
    id: 'kafka',
    title: 'From one topic to another: 1 partition',
    participants: onKafka,
    reference: 'bare loop (kafka)',
    columns: fromTopic,
    kafka: { partitions: 1, orders: 200_000 },
  },
  {
    ...closed,
    id: 'kafka-8',
    title: 'From one topic to another: 8 partitions',
    participants: onKafka,
    reference: 'bare loop (kafka)',
    columns: fromTopic,
    kafka: { partitions: 8, orders: 200_000 },
  },
]
