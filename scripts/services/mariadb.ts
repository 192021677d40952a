import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianServer } from './debian.ts'
import { runOrThrow, versionOf } from './programs.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

const program = '/usr/sbin/mariadbd'
const itsTools = ['/usr/bin/mariadb-install-db', '/usr/bin/my_print_defaults']
const port = 17_306
const credentials = { user: 'linkspan', password: 'linkspan', database: 'linkspan' }
const { user, password, database } = credentials

/** MariaDB. Its user may do everything in its own database and nothing elsewhere. */
export const mariadb: Service = {
  name: 'mariadb',
  about: 'MariaDB',
  ports: { mariadb: port },
  credentials,
  environment: { LINKSPAN_TEST_MARIADB_URL: `mysql://${user}:${password}@127.0.0.1:${port}/${database}` },
  needs: [],
  ...debianServer('mariadb-server-core mariadb-client-core', [program, ...itsTools], () =>
    versionOf(program, '--version'),
  ),
  start(folder) {
    const data = join(folder, 'data')
    if (!existsSync(join(data, 'mysql'))) makeDatabase(data)
    const login = join(folder, 'login.sql')
    writeFileSync(login, loginStatements, { mode: 0o600 })
    return { file: program, args: [...common(data), ...settings(folder, login)] }
  },
  ready: () => talks(port, '', greets),
  stop: 'SIGTERM',
}

const common = (data: string) => ['--no-defaults', `--datadir=${data}`, ...asRoot()]

/** MariaDB refuses root unless told. */
const asRoot = () => (process.getuid?.() === 0 ? ['--user=root'] : [])

const settings = (folder: string, login: string) => [
  `--port=${port}`,
  '--bind-address=127.0.0.1',
  `--socket=${join(folder, 'socket')}`,
  `--pid-file=${join(folder, 'pid')}`,
  `--init-file=${login}`,
  '--character-set-server=utf8mb4',
  '--innodb-buffer-pool-size=64M',
  '--performance-schema=OFF',
]

const loginStatements = `create database if not exists ${database};
create user if not exists '${user}'@'%' identified by '${password}';
grant all on ${database}.* to '${user}'@'%';
`

function makeDatabase(data: string): void {
  runOrThrow('mariadb-install-db', [
    ...common(data),
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ])
}

/** The server speaks first: a packet of protocol version 10. It does so once its start-up statements have run. */
const greets = (heard: Buffer) => heard.length > 4 && heard[4] === 10
