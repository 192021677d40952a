/** The database under torture: one server or a pair of them, on a disk of any size or on a small one. */
import { chmodSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import {
  mountSmallDisk,
  type SmallDisk,
} from '../../../packages/linkspan/src/journal/sqlite/fixtures/small-disk.ts'
import {
  type OldPrimary,
  type PostgresServer,
  type Replicated,
  startPostgres,
  startReplicated,
} from '../../postgres-server/index.ts'
import { fillDisk } from './fill-disk.ts'

/** The database of a run. */
export interface Database {
  /** The server that takes the writes now. */
  readonly server: PostgresServer
  /** Makes the standby the primary; the caller leads connections to it. */
  promote(old: OldPrimary): Promise<void>
  /** Gives it a new standby, for the next promotion. */
  renew(): Promise<void>
  /** Takes all room of its disk. */
  fill(): void
  /** Gives it back, and starts a server that ended for want of it. */
  free(): Promise<void>
  /** Ends it; `keep` leaves its data. */
  end(keep: boolean): Promise<void>
}

/** What a database has to offer. */
export interface DatabaseOptions {
  readonly folder: string
  /** With a synchronous standby. */
  readonly replicated: boolean
  /** Its standby does not get what was committed last. */
  readonly unreplicated: boolean
  readonly smallDisk: boolean
}

const SMALL_DISK_MIB = 400
const BEHIND_MS = 800

/** Why the database's disk cannot be made full here, or null. */
export function noSmallDisk(): string | null {
  const disk = mountSmallDisk(1)
  disk.unmount()
  return 'reason' in disk ? disk.reason : null
}

/** Starts it. The server runs as another user where this one is root, and has to reach its data. */
export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  const { folder, replicated, unreplicated } = options
  chmodSync(folder, 0o711)
  const disk = options.smallDisk ? mountSmallDisk(SMALL_DISK_MIB) : null
  const place = disk === null ? folder : directoryOf(disk)
  const pair = replicated
    ? await startReplicated({
        folder: place,
        ...(unreplicated ? { config: { synchronous_commit: 'local' } } : {}),
      })
    : null
  const single = pair === null ? await startPostgres({ folder: place }) : null
  const servers = (): PostgresServer => (pair ?? { primary: single as PostgresServer }).primary
  const ballast = join(place, 'ballast')
  return {
    get server() {
      return servers()
    },
    promote: (old) => promote(paired(pair), old, unreplicated),
    renew: () => paired(pair).renew(),
    fill: () => fillDisk(ballast),
    async free() {
      rmSync(ballast, { force: true })
      await revive(servers())
    },
    async end(keep) {
      rmSync(ballast, { force: true })
      await (pair !== null ? pair.stop() : keep ? single?.kill9() : single?.stop())
      if (!keep) disk?.unmount()
    },
  }
}

function directoryOf(disk: SmallDisk): string {
  if ('reason' in disk) throw new Error(disk.reason)
  return disk.directory
}

function paired(pair: Replicated | null): Replicated {
  if (pair === null) throw new Error('There is no standby to promote.')
  return pair
}

async function promote(pair: Replicated, old: OldPrimary, unreplicated: boolean): Promise<void> {
  if (unreplicated) {
    pair.standby?.configure({ primary_conninfo: '' })
    await pause(BEHIND_MS)
  }
  await pair.promote(old)
}

const REVIVAL_MS = 180_000

/** A server whose log found no room has ended, where it could not recover either. */
async function revive(server: PostgresServer): Promise<void> {
  const deadline = Date.now() + REVIVAL_MS
  for (;;) {
    const answer = await asked(server)
    if (answer === 'serves') return
    if (Date.now() > deadline) throw new Error(`The database did not come back:\n${server.log()}`)
    if (answer === 'gone') await server.restart()
    else await pause(50)
  }
}

async function asked({ url }: PostgresServer): Promise<'serves' | 'busy' | 'gone'> {
  const client = new Client(url)
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return 'serves'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'gone' : 'busy'
  }
}
