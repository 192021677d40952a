import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the range from which the kernel takes the ports of outgoing connections: while the hub is down its port must
// not be taken by a client's socket, nor may a client connect to itself.
const LOWEST = 20_000
const HIGHEST = 32_000
const TRIES = 50

/** A port on the loopback that nobody listens on now and that no outgoing connection will take. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST)
    if (await isFree(port)) return port
  }
  throw new Error(
    `No free port found between ${LOWEST} and ${HIGHEST} in ${TRIES} tries; end some servers and try again.`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
