/**
 * Several engines on one journal as one participant: LINKSPAN_ENGINES relays, each in a process of its own. The load is
 * spread over their ports.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { announce, onStop, type ReadyLine } from '../participant/protocol.ts'

const relay = fileURLToPath(new URL('relay.ts', import.meta.url))

type Running = { readonly ports: readonly number[]; readonly stop: () => Promise<void> }

const start = (): Promise<Running> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [relay], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise<void>((ended) => child.once('exit', () => ended()))
    const stop = (): Promise<void> => {
      child.kill('SIGTERM')
      return gone
    }
    void gone.then(() => reject(new Error('an engine ended before it was ready')))
    process.once('exit', () => void child.kill('SIGKILL'))
    createInterface({ input: child.stdout }).once('line', (line) =>
      resolve({ ports: (JSON.parse(line) as ReadyLine).ports, stop }),
    )
  })

const engines = await Promise.all(
  Array.from({ length: Number(process.env['LINKSPAN_ENGINES'] ?? 1) }, () => start()),
)
announce(...engines.flatMap(({ ports }) => ports))
onStop(async () => void (await Promise.all(engines.map(({ stop }) => stop()))))
