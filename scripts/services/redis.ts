import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { debianServer } from './debian.ts'
import { versionOf } from './programs.ts'
import type { Service } from './service.ts'
import { talks } from './talk.ts'

const program = '/usr/bin/redis-server'
const port = 17_379
const credentials = { user: 'linkspan', password: 'linkspan' }
const { user, password } = credentials

const all = ['on', `>${password}`, '~*', '&*', '+@all']

/** What it is told here and in Docker. Nobody without the password may do anything; what it knows outlives it. */
export const redisSettings: readonly string[] = [
  // As this one it reads its own file: were it off, 7.0 would leave out all transactions, and what scripts did, after a restart.
  ...['--user', 'default', ...all],
  ...['--user', user, ...all],
  // What it has answered outlives its being killed: by its default a second of it may be lost.
  ...['--appendonly', 'yes', '--appendfsync', 'always'],
  ...['--maxmemory', '256mb', '--maxmemory-policy', 'noeviction'],
]

/** Redis. */
export const redis: Service = {
  name: 'redis',
  about: 'Redis',
  ports: { redis: port },
  credentials,
  environment: { LINKSPAN_TEST_REDIS_URL: `redis://${user}:${password}@127.0.0.1:${port}` },
  needs: [],
  ...debianServer('redis-server', [program], () => versionOf(program, '--version')),
  start(folder) {
    const data = join(folder, 'data')
    mkdirSync(data, { recursive: true })
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', data]
    return { file: program, args: [...place, ...redisSettings] }
  },
  ready: () => talks(port, `AUTH ${user} ${password}\r\nPING\r\n`, (heard) => heard.includes('+PONG')),
  stop: 'SIGTERM',
}
