import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../run/temporary.ts'
import { startDaemon, startLimitMs } from './daemon.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import type { ServiceStart } from './service.ts'

const install = 'apt-get install --no-install-recommends postgresql'
const root = '/usr/lib/postgresql'

/** A PostgreSQL of its own, all its safety settings at their defaults, a database per run. */
export const startPostgres = async (env: Readonly<Record<string, string>>): Promise<ServiceStart> => {
  const bin = newestBin()
  if (bin === undefined) return { unavailable: `initdb and postgres are missing: ${install}` }
  const user = serverUser()
  if ('unavailable' in user) return user
  const folder = temporaryFolder('postgres')
  const dir = folder.path
  if (user.uid !== undefined && user.gid !== undefined) chownSync(dir, user.uid, user.gid)
  const run = runner(bin, dir, user)
  const data = join(dir, 'data')
  run('initdb', ['-D', data, '-U', 'bench', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'])
  const port = await freePort()
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'shared_buffers=512MB',
    'max_connections=200',
  ].flatMap((setting) => ['-c', setting])
  const daemon = await startDaemon({
    command: join(bin, 'postgres'),
    args: ['-D', data, '-p', String(port), ...settings],
    env,
    cwd: dir,
    port,
    stopSignal: 'SIGINT',
    ...user,
  })
  await untilReady(bin, port)
  ageLog((sql) =>
    run('psql', ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench', '-d', 'postgres', '-qc', sql]),
  )
  return {
    service: {
      pid: daemon.pid,
      envFor: async (name) => {
        run('createdb', ['-h', '127.0.0.1', '-p', String(port), '-U', 'bench', name])
        return { DATABASE_URL: `postgres://bench@127.0.0.1:${port}/${name}` }
      },
      stop: async () => {
        await daemon.stop()
        folder.remove()
      },
    },
  }
}

/** How many files of its write-ahead log, of 16 MiB each, a server has to use again before a run. */
const AGED_SEGMENTS = 40

/**
 * Brings a new server to where one is that has run for an hour: it writes over old files of its log. A new one makes each
 * file first, which writes and syncs 16 MiB, and all commits wait for that: some 60 ms each time.
 */
const ageLog = (query: (sql: string) => void): void => {
  query(
    `DO $$ BEGIN FOR i IN 1..${AGED_SEGMENTS} LOOP
       PERFORM pg_logical_emit_message(false, 'bench', 'a record, so that there is something to switch'); PERFORM pg_switch_wal();
     END LOOP; END $$`,
  )
  query('CHECKPOINT')
}

/** Its port answers before it takes connections: on a slow disk it starts up for a while. */
const untilReady = async (bin: string, port: number): Promise<void> => {
  const asked = ['-q', '-h', '127.0.0.1', '-p', String(port)]
  for (let waited = 0; waited < startLimitMs; waited += 50) {
    if (spawnSync(join(bin, 'pg_isready'), asked).status === 0) return
    await sleep(50)
  }
  throw new Error(`PostgreSQL on port ${port} was not ready within ${startLimitMs} ms`)
}

const newestBin = (): string | undefined => {
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

type User = { readonly uid?: number; readonly gid?: number }

/** PostgreSQL refuses to run as root, so root runs it as the user that its package made. */
const serverUser = (): User | { readonly unavailable: string } => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): string => spawnSync('id', [flag, 'postgres']).stdout?.toString().trim() ?? ''
  if (id('-u') === '')
    return { unavailable: 'PostgreSQL does not run as root and there is no user "postgres"' }
  return { uid: Number(id('-u')), gid: Number(id('-g')) }
}

const runner =
  (bin: string, cwd: string, user: User) =>
  (program: string, args: readonly string[]): void => {
    const { status, stderr, error } = spawnSync(join(bin, program), args, { cwd, ...user })
    if (status === 0) return
    throw new Error(`${program} failed: ${error?.message ?? stderr.toString().trim()}`)
  }
