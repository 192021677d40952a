/** The bare HTTP rate's server: node:http, parse the body, 202. Nothing is kept and nothing is delivered. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { announce, onStop, participantEnv } from '../../participant/protocol.ts'

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString())
    response.writeHead(202, { 'content-length': 0 })
    response.end()
  })
})

server.listen(participantEnv().port, '127.0.0.1', 1024, () =>
  announce((server.address() as AddressInfo).port),
)
onStop(() => {
  server.close()
})
