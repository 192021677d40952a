import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromDebian, installFromDebian } from './debian.ts'
import { build, canBuild, type GoProgram, goBinary, goCommand, isBuilt } from './go.ts'
import { onPath, versionOf } from './programs.ts'
import type { Obtainable, Service } from './service.ts'
import { talks } from './talk.ts'

const port = 17_422
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials

export const natsVersion = '2.15.2'

const current: GoProgram = {
  name: 'nats-server',
  version: natsVersion,
  path: 'github.com/nats-io/nats-server/v2',
  go: '1.26',
}

/** NATS with JetStream, which answers a publish after its data is on disk: its own default loses two minutes with the power. */
export const nats: Service = {
  name: 'nats',
  about: 'NATS with JetStream',
  ports: { nats: port },
  credentials,
  environment: { LINKSPAN_TEST_NATS_URL: `nats://${user}:${password}@127.0.0.1:${port}` },
  needs: [],
  obtainable,
  install: () => (canBuild(current) ? build(current) : installFromDebian(current.name)),
  start(folder) {
    const file = join(folder, 'nats.conf')
    writeFileSync(file, natsConfiguration('127.0.0.1', port, join(folder, 'data')))
    return { file: program() ?? current.name, args: ['-c', file], env: { GOMEMLIMIT: '256MiB' } }
  },
  ready: () => talks(port, hello, (heard) => /"jetstream":true/.test(`${heard}`) && heard.includes('PONG')),
  stop: 'SIGTERM',
}

/** Ours; else, where there is no Go to build it, the one that is installed. */
function program(): string | null {
  if (isBuilt(current)) return goBinary(current)
  return canBuild(current) ? null : onPath(current.name)
}

function obtainable(): Obtainable {
  const file = program()
  if (file !== null) return { state: 'installed', version: versionOf(file, '--version') }
  if (canBuild(current)) return { state: 'install', from: goCommand(current) }
  const older = fromDebian(current.name)
  const newer = `for NATS ${current.version} have Go ${current.go} or newer on PATH`
  return older.state === 'install' ? { ...older, from: `${older.from} (${newer})` } : older
}

const hello = `CONNECT ${JSON.stringify({ user, pass: password, verbose: false })}\r\nPING\r\n`

/** What it is told here and in Docker. */
export const natsConfiguration = (
  host: string,
  listen: number,
  data: string,
): string => `server_name: linkspan
host: ${host}
port: ${listen}
authorization { user: ${user}, password: ${password} }
jetstream {
  store_dir: "${data}"
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 4GB
}
`
