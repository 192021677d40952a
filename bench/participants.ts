import { mixNames, patternNames } from './linkspan/pattern-names.ts'
import type { ServiceName } from './services/services.ts'

/** One row of the tables, as data. */
export type Participant = {
  readonly name: string
  /** What keeps a message when the process or the machine dies after the 202. */
  readonly durability: string
  /** The program, relative to bench/; where it does not exist the row is shown as skipped. */
  readonly entry: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly needs?: ServiceName
  /** A peer's folder with its own lockfile, installed on demand. */
  readonly install?: string
  /** Run once before the first round; the folder is then kept from round to round. */
  readonly prepare?: { readonly entry: string; readonly env: Readonly<Record<string, string>> }
  /** Run once before the first round: gets and builds what the program needs. Where it fails, what it says is why the row is skipped. */
  readonly setUp?: string
  /** True for Linkspan: it runs as it is published, built from the present source before the first round. */
  readonly built?: true
  /** Shown in place of figures: it is listed, but not run. */
  readonly skipped?: string
}

const fsynced = 'committed, fsync included'

const floor = (name: string, env: Readonly<Record<string, string>>): Participant => ({
  name,
  durability: fsynced,
  entry: 'floor/relay.ts',
  args: [],
  env,
})

const linkspan = (name: string, env: Readonly<Record<string, string>> = {}): Participant => ({
  name,
  durability: fsynced,
  entry: 'linkspan/relay.ts',
  args: [],
  built: true,
  env,
})

/** On PostgreSQL as the journal, with as many engines as are told, in processes of their own. */
const onPostgres = (name: string, engines: number): Participant => ({
  ...linkspan(name, { LINKSPAN_JOURNAL: 'postgres', LINKSPAN_ENGINES: String(engines) }),
  durability: 'PostgreSQL, committed',
  needs: 'postgres',
  ...(engines === 1 ? {} : { entry: 'linkspan/engines.ts' }),
})

const peer = (name: string, durability: string, needs?: ServiceName): Participant => ({
  name,
  durability,
  entry: `peers/${name}/relay.ts`,
  args: [],
  env: {},
  install: `peers/${name}`,
  ...(needs === undefined ? {} : { needs }),
})

/** From topic to topic. */
const fromTopic = (name: string, program: string, durability: string): Participant => ({
  name,
  durability,
  entry: `kafka/${program}.ts`,
  args: [],
  env: {},
  needs: 'kafka',
})

const atLeastOnce = 'Kafka, acks=all, at least once'

/** The relay with a pattern more, or several. */
export const patternRow = (name: string): string => `linkspan + ${name}`

/** Five million messages that have ended, as the history target asks. */
const endedMessages = { LINKSPAN_ENDED: '5000000' }

/**
 * Everything that can take part. It runs as published, from a build made first. What bench/linkspan/relay.ts is told:
 * LINKSPAN_GUARANTEE (key, natural, verify, none; default key), LINKSPAN_SQLITE (main, worker; default the
 * engine's own), LINKSPAN_JOURNAL (sqlite, postgres; default sqlite), LINKSPAN_STEPS (pure steps on top of the one transformation; default 0),
 * LINKSPAN_PATTERN (what bench/linkspan/patterns.ts adds; default nothing), LINKSPAN_KEYS (how many keys such a pattern has; default 1,000).
 * bench/linkspan/fill-history.ts writes LINKSPAN_ENDED ended messages into the journal in DATA_DIR, fill-postgres.ts into
 * the one at DATABASE_URL.
 */
export const participants: readonly Participant[] = [
  floor('floor (main thread)', { FLOOR_STORE: 'main' }),
  floor('floor (worker)', { FLOOR_STORE: 'worker' }),
  floor('relay with undici.request', { FLOOR_STORE: 'worker', FLOOR_CLIENT: 'request' }),
  linkspan('linkspan (key)'),
  linkspan('linkspan (natural)', { LINKSPAN_GUARANTEE: 'natural' }),
  linkspan('linkspan (verify)', { LINKSPAN_GUARANTEE: 'verify' }),
  linkspan('linkspan (none)', { LINKSPAN_GUARANTEE: 'none' }),
  linkspan('linkspan (main thread)', { LINKSPAN_SQLITE: 'main' }),
  linkspan('linkspan (worker)', { LINKSPAN_SQLITE: 'worker' }),
  linkspan('linkspan (1 more pure step)', { LINKSPAN_STEPS: '1' }),
  linkspan('linkspan (10 more pure steps)', { LINKSPAN_STEPS: '10' }),
  ...[...patternNames, ...mixNames].map((name) => linkspan(patternRow(name), { LINKSPAN_PATTERN: name })),
  linkspan('linkspan (live keys)', { LINKSPAN_PATTERN: 'live keys', LINKSPAN_KEYS: '1000000' }),
  {
    ...linkspan('linkspan (5 million ended)'),
    prepare: { entry: 'linkspan/fill-history.ts', env: endedMessages },
  },
  onPostgres('linkspan (postgres)', 1),
  onPostgres('linkspan (postgres, 2 engines)', 2),
  onPostgres('linkspan (postgres, 4 engines)', 4),
  {
    ...onPostgres('linkspan (postgres, 20 million ended)', 1),
    prepare: { entry: 'linkspan/fill-postgres.ts', env: { LINKSPAN_ENDED: '20000000' } },
  },
  fromTopic('bare loop (kafka)', 'bare', atLeastOnce),
  { ...fromTopic('linkspan (kafka)', 'linkspan', `${atLeastOnce}; kept in SQLite`), built: true },
  {
    ...fromTopic('linkspan (kafka, source)', 'linkspan', `${atLeastOnce}; left in the topic`),
    env: { LINKSPAN_DURABILITY: 'source' },
    built: true,
  },
  { ...fromTopic('camel (kafka)', 'camel', atLeastOnce), setUp: 'kafka/set-up-camel.ts' },
  {
    ...fromTopic('camel (kafka, batches)', 'camel', atLeastOnce),
    env: { CAMEL_BATCHES: 'true' },
    setUp: 'kafka/set-up-camel.ts',
  },
  {
    ...fromTopic('redpanda connect (kafka)', 'redpanda-connect', atLeastOnce),
    setUp: 'kafka/set-up-redpanda-connect.ts',
  },
  peer('bullmq', 'Redis, appended and synced once a second', 'redis'),
  peer('pg-boss', 'PostgreSQL, committed', 'postgres'),
  peer('graphile-worker', 'PostgreSQL, committed', 'postgres'),
  peer('dbos', 'PostgreSQL, committed', 'postgres'),
  peer('node-red', 'none: memory only'),
  {
    ...peer('n8n', 'SQLite'),
    skipped: '2,115 packages that do not install cleanly; bench/peers/n8n/README.md has an earlier figure',
  },
]

/** The two that compete to be the floor; the better median is it. */
export const floors: readonly string[] = ['floor (main thread)', 'floor (worker)']
