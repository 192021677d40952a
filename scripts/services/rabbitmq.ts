import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { debianServer } from './debian.ts'
import { versionIn } from './programs.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

const library = '/usr/lib/rabbitmq'
const program = join(library, 'bin', 'rabbitmq-server')
const port = 17_672
const distribution = 17_673
const names = 17_369
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials

const versions = () => readdirSync(join(library, 'lib')).filter((name) => name.startsWith('rabbitmq_server-'))

/** RabbitMQ, with the consistent-hash exchange. */
export const rabbitmq: Service = {
  name: 'rabbitmq',
  about: 'RabbitMQ',
  ports: { amqp: port },
  innerPorts: { distribution, names },
  credentials,
  environment: { LINKSPAN_TEST_RABBITMQ_URL: `amqp://${user}:${password}@127.0.0.1:${port}` },
  needs: [],
  ...debianServer('rabbitmq-server', [program], () => versionIn(versions().join())),
  start(folder) {
    for (const name of ['home', 'data', 'logs']) mkdirSync(join(folder, name), { recursive: true })
    chmodSync(join(folder, 'home'), 0o700)
    writeFileSync(join(folder, 'rabbitmq.conf'), rabbitmqConfiguration(`127.0.0.1:${port}`))
    writeFileSync(join(folder, 'plugins'), rabbitmqPlugins)
    return { file: '/bin/sh', args: ['-c', both], env: environment(folder) }
  },
  ready: () => talks(port, 'AMQP\0\0\x09\x01', starts),
  stop: 'SIGTERM',
}

/** RabbitMQ needs Erlang's name server, and would start one that outlives it. This one ends with it. */
const both = `epmd & names=$!
${program} & server=$!
trap 'kill -TERM $server' TERM
while kill -0 $server 2> /dev/null; do wait $server; done
kill $names; wait`

/** Debian's configuration is left aside. */
const environment = (folder: string) => ({
  HOME: join(folder, 'home'),
  RABBITMQ_CONF_ENV_FILE: '/dev/null',
  RABBITMQ_NODENAME: 'linkspan@localhost',
  RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
  RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
  RABBITMQ_MNESIA_BASE: join(folder, 'data'),
  RABBITMQ_LOG_BASE: join(folder, 'logs'),
  RABBITMQ_DIST_PORT: String(distribution),
  RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  // The script then becomes the server, instead of standing before it.
  RABBITMQ_ALLOW_INPUT: 'true',
  RABBITMQ_SERVER_START_ARGS: '-noinput',
  ERL_EPMD_PORT: String(names),
  ERL_EPMD_ADDRESS: '127.0.0.1',
})

/** What it is told here and in Docker. */
export const rabbitmqConfiguration = (listener: string): string => `listeners.tcp.1 = ${listener}
default_user = ${user}
default_pass = ${password}
loopback_users = none
vm_memory_high_watermark.absolute = 384MB
disk_free_limit.absolute = 50MB
log.console = true
log.file = false
`

export const rabbitmqPlugins = '[rabbitmq_consistent_hash_exchange].\n'

/** `Connection.Start`: a method frame (1) on channel 0 of class and method 10 (AMQP 0-9-1, 1.4.2.1). */
const starts = (heard: Buffer) => heard.length > 10 && heard[0] === 1 && heard.readUInt16BE(9) === 10
