import { chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answers } from '../lib/loopback.ts'
import { serverUser } from '../lib/server-user.ts'
import { debianServer } from './debian.ts'
import { postgres, urlAt } from './postgres.ts'
import { versionOf } from './programs.ts'
import type { Service } from './service.ts'

const program = '/usr/sbin/pgbouncer'
const port = 17_433

/** PgBouncer in transaction mode, in front of the PostgreSQL above. */
export const pgbouncer: Service = {
  name: 'pgbouncer',
  about: 'PgBouncer, transaction mode',
  ports: { pgbouncer: port },
  credentials: postgres.credentials,
  environment: { LINKSPAN_TEST_PGBOUNCER_URL: urlAt(port) },
  needs: [postgres.name],
  ...debianServer('pgbouncer', [program], () => versionOf(program, '--version')),
  start(folder) {
    const user = serverUser()
    const { user: name, password } = postgres.credentials
    const users = join(folder, 'users.txt')
    const settings = join(folder, 'pgbouncer.ini')
    writeFileSync(users, `"${name}" "${password}"\n`, { mode: 0o600 })
    writeFileSync(settings, configuration(users))
    if (user !== null) for (const path of [users, settings]) chownSync(path, user.uid, user.gid)
    return { file: program, args: [settings], ...(user === null ? {} : { user }) }
  },
  ready: () => answers(port),
  stop: 'SIGTERM',
}

const configuration = (users: string) => `[databases]
* = host=127.0.0.1 port=${postgres.ports['postgres']}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
pool_mode = transaction
auth_type = scram-sha-256
auth_file = ${users}
admin_users = ${postgres.credentials['user']}
max_client_conn = 500
default_pool_size = 20
ignore_startup_parameters = extra_float_digits
`
