import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type ServerUser, serverUser } from '../../scripts/lib/server-user.ts'
import { type Binaries, binaries } from './binaries.ts'
import { type ClusterProcess, clusterProcess } from './cluster-process.ts'
import { freshFolder, temporaryFolder } from './data-folder.ts'
import { removeLeftOver } from './left-over.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import { installedMajor, type Major } from './versions.ts'

/** Settings of `postgresql.conf`. Durations and sizes as PostgreSQL writes them: `'10s'`, `'64MB'`. */
export type Settings = Readonly<Record<string, string | number | boolean>>

export interface PostgresOptions {
  /** The newest unless said otherwise. */
  readonly version?: Major
  /** Over PostgreSQL's defaults, which keep all it commits (`fsync` is on). */
  readonly config?: Settings
  /** Where its folder goes, such as a small disk. The system's temporary folder unless said otherwise. */
  readonly folder?: string
}

/** A PostgreSQL of the test's own, on the loopback. */
export interface PostgresServer {
  /** To its database `postgres`, as the superuser `postgres`, without a password. */
  readonly url: string
  readonly port: number
  readonly dataDir: string
  readonly major: Major
  /** The postmaster's; it changes with each start. */
  readonly pid: number
  /** The last of its log. */
  log(): string
  /** The URL of another database of this server. */
  urlOf(database: string): string
  /** Changes settings and has the server read them again; some need a restart. */
  configure(settings: Settings): void
  /** Ends it as `pg_ctl stop -m fast` does, and removes its data. Again: nothing. */
  stop(): Promise<void>
  /** Kills all its processes at once. The data stays; `restart` recovers it. */
  kill9(): Promise<void>
  /** Stops all its processes where they are (SIGSTOP), as a machine that hangs, until `resume`. */
  suspend(): void
  resume(): void
  /** Ends it in an orderly way if it runs, and starts it on the same data and port. */
  restart(): Promise<void>
}

/** What `startReplicated` needs beyond what a test does. */
export interface Cluster extends PostgresServer {
  signal(name: NodeJS.Signals): void
}

/** A cluster on disk that is not started yet. */
export interface Prepared {
  readonly binaries: Binaries
  readonly user: ServerUser
  /** Holds `data` and goes with the server. */
  readonly folder: string
  readonly settings: Settings
}

const startLimitMs = 180_000

const always: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  log_timezone: 'UTC',
  timezone: 'UTC',
}

/**
 * Starts a PostgreSQL with a data folder of its own, in well under a second. It is gone after `stop`, and with
 * this process at the latest. Versions other than the newest have to be installed first; the error says how.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { version = installedMajor, config = {}, folder } = options
  return startCluster(prepare(version, config, folder))
}

/** Makes a fresh cluster on disk. */
export function prepare(version: Major, settings: Settings, parent?: string): Prepared {
  const user = serverUser()
  const place = parent ?? temporaryFolder(user)
  removeLeftOver(place)
  const programs = binaries(version, user)
  const folder = freshFolder(programs, user, place)
  return { binaries: programs, user, folder, settings }
}

/** Starts a cluster that lies on disk. */
export async function startCluster(prepared: Prepared): Promise<Cluster> {
  const { binaries, user, folder } = prepared
  const dataDir = join(folder, 'data')
  let settings: Settings = { ...always, ...prepared.settings }
  const write = () => writeFileSync(join(dataDir, 'linkspan.conf'), lines(settings))
  write()
  const first = await onFreePort(prepared, dataDir)
  const { port } = first
  let running: ClusterProcess | null = first.process
  let latest: ClusterProcess = first.process
  const end = async (how: (live: ClusterProcess) => Promise<void>) => {
    const live = running
    running = null
    if (live !== null) await how(live)
  }
  return {
    url: urlOf(port, 'postgres'),
    port,
    dataDir,
    major: binaries.major,
    get pid() {
      return latest.pid
    },
    log: () => latest.log(),
    urlOf: (database) => urlOf(port, database),
    configure(changed) {
      settings = { ...settings, ...changed }
      write()
      running?.signal('SIGHUP')
    },
    async stop() {
      await end((live) => live.end('SIGINT'))
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
    kill9: () => end((live) => live.kill9()),
    suspend: () => running?.signalAll('SIGSTOP'),
    resume: () => running?.signalAll('SIGCONT'),
    async restart() {
      await end((live) => live.end('SIGINT'))
      latest = clusterProcess(binaries, dataDir, port, user)
      running = latest
      await latest.ready(startLimitMs)
    },
    signal: (name) => void running?.signal(name),
  }
}

/** Between looking for a free port and taking it another program may take it; then the next one is tried. */
async function onFreePort(
  prepared: Prepared,
  dataDir: string,
): Promise<{ process: ClusterProcess; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort()
    const process = clusterProcess(prepared.binaries, dataDir, port, prepared.user)
    try {
      await process.ready(startLimitMs)
      return { process, port }
    } catch (error) {
      await process.kill9()
      if (tries === 5 || !process.log().includes('could not bind')) throw error
      await pause(10)
    }
  }
}

const urlOf = (port: number, database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`

function lines(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`)
    .join('')
}
