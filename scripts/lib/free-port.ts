import { type AddressInfo, createServer } from 'node:net'

const first = 20_000
const last = 32_000

/**
 * A loopback port that is free now. It lies below the ports that systems give to outgoing connections, so that
 * nothing takes it while its server is down for a moment.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = first + Math.floor(Math.random() * (last - first))
    if (await isFree(port)) return port
  }
  throw new Error(`No free port found between ${first} and ${last} in 100 tries.`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => {
      const taken = (server.address() as AddressInfo).port
      server.close(() => resolve(taken === port))
    })
  })
}
