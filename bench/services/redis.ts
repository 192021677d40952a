import { spawnSync } from 'node:child_process'
import { temporaryFolder } from '../run/temporary.ts'
import { startDaemon } from './daemon.ts'
import { freePort } from '../../scripts/lib/free-port.ts'
import type { ServiceStart } from './service.ts'

const install = 'apt-get install --no-install-recommends redis-server'

/** A Redis that appends every change to its file and forces it to the disk once a second. */
export const startRedis = async (env: Readonly<Record<string, string>>): Promise<ServiceStart> => {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    return { unavailable: `redis-server is missing: ${install}` }
  }
  const folder = temporaryFolder('redis')
  const port = await freePort()
  const settings: Readonly<Record<string, string>> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder.path,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const daemon = await startDaemon({
    command: 'redis-server',
    args,
    env,
    cwd: folder.path,
    port,
    stopSignal: 'SIGTERM',
  })
  return {
    service: {
      pid: daemon.pid,
      envFor: async () => ({ REDIS_PORT: String(port) }),
      stop: async () => {
        await daemon.stop()
        folder.remove()
      },
    },
  }
}
