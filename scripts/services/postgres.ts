import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { reaches, serverUser } from '../lib/server-user.ts'
import { fromDebian, installFromDebian } from './debian.ts'
import type { Service } from './service.ts'

const installed = '/usr/lib/postgresql'
const port = 17_432
const credentials = { user: 'linkspan', password: 'linkspan', database: 'linkspan' }

/** PostgreSQL as Debian ships it, with its data kept from start to start. */
export const postgres: Service = {
  name: 'postgres',
  about: 'PostgreSQL',
  ports: { postgres: port },
  credentials,
  environment: { LINKSPAN_TEST_POSTGRES_URL: urlAt(port) },
  needs: [],
  obtainable() {
    const version = newest()
    return version === undefined ? fromDebian('postgresql') : { state: 'installed', version }
  },
  install: () => installFromDebian('postgresql'),
  start(folder) {
    const user = serverUser()
    const data = join(folder, `data-${newest()}`)
    if (!existsSync(join(data, 'PG_VERSION'))) makeCluster(folder, data, user)
    // Left by one that was killed, and all it started with it: as long as its remains have a number, PostgreSQL takes it for
    // one that runs, and whoever asks whether it is ready finds the word of the dead one.
    rmSync(join(data, 'postmaster.pid'), { force: true })
    const file = join(bin(), 'postgres')
    return { file, args: ['-D', data, '-c', 'wal_level=logical'], ...(user === null ? {} : { user }) }
  },
  async ready(folder) {
    const file = join(folder, `data-${newest()}`, 'postmaster.pid')
    return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready'
  },
  stop: 'SIGINT',
}

/** The URL by which tests reach the database through a port. */
export function urlAt(port: number): string {
  const { user, password, database } = credentials
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
}

function newest(): string | undefined {
  if (!existsSync(installed)) return undefined
  const versions = readdirSync(installed).sort((a, b) => Number(b) - Number(a))
  return versions.find((version) => existsSync(join(installed, version, 'bin', 'initdb')))
}

const bin = () => join(installed, newest() ?? '', 'bin')

const configuration = `
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = '256MB'
`

type User = ReturnType<typeof serverUser>

function makeCluster(folder: string, data: string, user: User): void {
  if (!reaches(user, folder, 1)) {
    throw new Error(
      `PostgreSQL runs as ${user?.name}, who may not enter ${folder}. ` +
        'Set LINKSPAN_SERVICES_FOLDER to a folder that all may enter.',
    )
  }
  mkdirSync(data, { recursive: true })
  chmodSync(data, 0o700)
  const password = join(folder, 'password')
  writeFileSync(password, credentials.password)
  if (user !== null) for (const path of [data, password]) chownSync(path, user.uid, user.gid)
  const login = ['-U', credentials.user, '--auth=scram-sha-256', `--pwfile=${password}`]
  run('initdb', ['-D', data, ...login, '-E', 'UTF8', '--locale=C'], user)
  writeFileSync(join(data, 'postgresql.conf'), configuration, { flag: 'a' })
  run('postgres', ['--single', '-D', data, 'postgres'], user, `create database ${credentials.database}\n`)
}

function run(program: string, args: readonly string[], user: User, input = ''): void {
  const ids = user === null ? {} : { uid: user.uid, gid: user.gid }
  const ran = spawnSync(join(bin(), program), args, { input, encoding: 'utf8', cwd: '/', ...ids })
  if (ran.status !== 0) throw new Error(`${program} failed: ${ran.error?.message ?? ran.stderr.trim()}`)
}
