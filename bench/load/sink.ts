import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { nowMicros, readStamp } from '../workload/request.ts'
import type { Arrivals } from './arrivals.ts'
import { type Frame, framer } from './framing.ts'

const answer = (status: string, body: string): Buffer =>
  Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )

const delivered = answer('200 OK', '{"ok":true}')
const seen = answer('200 OK', '{"seen":true}')
const absent = answer('404 Not Found', '{"seen":false}')
const keyMissing = answer('400 Bad Request', '{"error":"Idempotency-Key is missing"}')
const notOurs = answer('422 Unprocessable Content', '{"error":"the body carries no id and time"}')

const keyHeader = /\r\nidempotency-key: *\S/i
const seenPath = /^GET \/seen\/m(\d+)/

export type SinkOptions = {
  /** Answer 400 to a delivery without an `Idempotency-Key`. */
  readonly requireKey: boolean
  /** Asked per request, as a reset puts a new one in place. */
  readonly arrivals: () => Arrivals
}

/**
 * The system that participants deliver to: `POST` anywhere records the arrival, `GET /seen/ID` tells
 * whether it was recorded. On bare sockets, because it shares the machine with what is measured.
 */
export const listenSink = (
  options: SinkOptions,
): Promise<{ readonly server: Server; readonly port: number }> => {
  const server = createServer((socket) => serve(socket, options))
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', 1024, () =>
      resolve({ server, port: (server.address() as AddressInfo).port }),
    )
  })
}

const serve = (socket: Socket, options: SinkOptions): void => {
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on(
    'data',
    framer((frame, bytes) => socket.write(respond(frame, bytes, options))),
  )
}

const respond = (frame: Frame, bytes: Buffer, { arrivals, requireKey }: SinkOptions): Buffer => {
  const question = seenPath.exec(frame.head)
  if (question !== null) return arrivals().has(Number(question[1])) ? seen : absent
  const hasKey = keyHeader.test(frame.head)
  if (requireKey && !hasKey) return keyMissing
  const stamp = readStamp(bytes, frame.bodyStart)
  if (stamp === undefined) return notOurs
  arrivals().record(stamp.sequence, stamp.scheduledAt, nowMicros(), hasKey)
  return delivered
}
