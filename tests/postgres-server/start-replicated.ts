import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { copyOnline } from './copy-online.ts'
import { give, makeFolder, temporaryFolder } from './data-folder.ts'
import {
  type Cluster,
  type PostgresOptions,
  type PostgresServer,
  type Prepared,
  prepare,
  startCluster,
} from './start-postgres.ts'
import { installedMajor } from './versions.ts'

/** What becomes of the old primary at a promotion. */
export type OldPrimary =
  /** All its processes are killed first. */
  | 'kill'
  /** They are stopped where they are first, as if its machine hung. */
  | 'suspend'
  /** It lives on and knows nothing, as behind a cut network; its commits wait for a standby that never answers. */
  | 'keep'

/** A primary and its synchronous standby: a commit that was answered is on the disks of both. */
export interface Replicated {
  /** Takes the writes; after a promotion the former standby. */
  readonly primary: PostgresServer
  /** For reading. Null after a promotion, until `renew`. */
  readonly standby: PostgresServer | null
  /** The primaries before this one that have not been stopped. */
  readonly former: readonly PostgresServer[]
  /** Makes the standby the primary and answers it; it commits without a standby until `renew`. */
  promote(old?: OldPrimary): Promise<PostgresServer>
  /** Gives the primary a new standby, from an online copy, and removes the former primaries. */
  renew(): Promise<void>
  /** Ends all and removes their data. */
  stop(): Promise<void>
}

const standbyName = 'standby'

/** Keeps enough of the log for a standby that is being made. */
const primarySettings = {
  wal_keep_size: '1GB',
  wal_retrieve_retry_interval: '50ms',
  synchronous_standby_names: standbyName,
}

/** Starts a primary and a standby with `synchronous_commit = on` between them. */
export async function startReplicated(options: PostgresOptions = {}): Promise<Replicated> {
  const { version = installedMajor, config = {}, folder } = options
  const first = prepare(version, { ...config, ...primarySettings }, folder)
  const place = folder ?? temporaryFolder(first.user)
  const copy = makeFolder(first.user, place)
  cpSync(join(first.folder, 'data'), join(copy, 'data'), { recursive: true })
  let primary = await startCluster(first)
  let standby: Cluster | null = await startStandby(first, copy, primary)
  let former: readonly Cluster[] = []
  return {
    get primary() {
      return primary
    },
    get standby() {
      return standby
    },
    get former() {
      return former
    },
    async promote(old = 'kill') {
      if (standby === null) throw new Error('There is no standby to promote. Call renew() first.')
      if (old === 'kill') await primary.kill9()
      if (old === 'suspend') primary.suspend()
      former = [...former, primary]
      primary = await promoted(standby)
      standby = null
      return primary
    },
    async renew() {
      await stopAll(former)
      former = []
      if (standby !== null) return
      const renewed = makeFolder(first.user, place)
      await copyOnline(primary, join(renewed, 'data'))
      standby = await startStandby(first, renewed, primary)
    },
    async stop() {
      await stopAll([...former, primary, ...(standby === null ? [] : [standby])])
    },
  }
}

async function stopAll(servers: readonly Cluster[]): Promise<void> {
  for (const server of servers) {
    server.resume()
    await server.kill9()
    await server.stop()
  }
}

async function promoted(standby: Cluster): Promise<Cluster> {
  writeFileSync(join(standby.dataDir, 'promote'), '')
  standby.signal('SIGUSR1')
  const recovering = 'select 1 where pg_is_in_recovery()'
  await until(
    standby,
    async (client) => (await client.query(recovering)).rows.length === 0,
    'was not promoted',
  )
  return standby
}

/** Answers once the primary waits for it at each commit. */
async function startStandby(first: Prepared, folder: string, primary: Cluster): Promise<Cluster> {
  const data = join(folder, 'data')
  writeFileSync(join(data, 'standby.signal'), '')
  give(data, first.user)
  const settings = {
    ...first.settings,
    synchronous_standby_names: '',
    primary_conninfo: `host=127.0.0.1 port=${primary.port} user=postgres application_name=${standbyName}`,
  }
  const standby = await startCluster({ ...first, folder, settings })
  primary.configure({ synchronous_standby_names: standbyName })
  const waiting = 'select 1 from pg_stat_replication where application_name = $1 and sync_state = $2'
  const isSynchronous = async (client: Client) =>
    (await client.query(waiting, [standbyName, 'sync'])).rows.length > 0
  await until(primary, isSynchronous, `has no synchronous standby (which says: ${standby.log()})`)
  return standby
}

const limitMs = 120_000

async function until(
  server: Cluster,
  holds: (client: Client) => Promise<boolean>,
  otherwise: string,
): Promise<void> {
  const client = new Client(server.url)
  await client.connect()
  const end = performance.now() + limitMs
  try {
    while (!(await holds(client))) {
      if (performance.now() > end) {
        throw new Error(`The server ${otherwise} after ${limitMs} ms:\n${server.log()}`)
      }
      await pause(5)
    }
  } finally {
    await client.end()
  }
}
