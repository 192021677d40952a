import { fileURLToPath } from 'node:url'
import { freePort } from '../../scripts/lib/free-port.ts'
import { temporaryFolder } from '../run/temporary.ts'
import { startDaemon } from './daemon.ts'

/** A server as it is seen from further away. */
export type Far = { readonly url: string; readonly pid: number; readonly stop: () => Promise<void> }

const program = fileURLToPath(new URL('distance.ts', import.meta.url))

/** The server at a URL on this machine, its round trip longer by so many milliseconds. */
export const far = async (url: string, roundTripMs: number): Promise<Far> => {
  const there = new URL(url)
  const target = there.port || '5432'
  const port = await freePort()
  const folder = temporaryFolder('distance')
  const daemon = await startDaemon({
    command: process.execPath,
    args: [program],
    env: { TARGET_PORT: target, DELAY_MS: String(roundTripMs), PORT: String(port) },
    cwd: folder.path,
    port,
    stopSignal: 'SIGTERM',
  })
  there.port = String(port)
  return {
    url: there.href,
    pid: daemon.pid,
    stop: async () => {
      await daemon.stop()
      folder.remove()
    },
  }
}
