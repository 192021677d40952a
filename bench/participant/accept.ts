import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Order } from '../workload/order.ts'
import { announce } from './protocol.ts'

/**
 * The HTTP side of a peer that has none of its own: `POST /in` answers 202 once `keep` has kept the order.
 * The same bare node:http as the floor's, so that it costs every peer the same.
 */
export const acceptOrders = (port: number, keep: (order: Order) => Promise<unknown>): Server => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    const reply = (status: number): void => {
      response.writeHead(status, { 'content-length': 0 })
      response.end()
    }
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      keep(JSON.parse(Buffer.concat(chunks).toString()) as Order).then(
        () => reply(202),
        (error: unknown) => {
          console.error(error)
          reply(500)
        },
      )
    })
  })
  server.listen(port, '127.0.0.1', 1024, () => announce((server.address() as AddressInfo).port))
  return server
}
