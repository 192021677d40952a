import { connect, type Socket } from 'node:net'
import { type RequestBuffer, requestBuffer } from '../workload/request.ts'
import { framer } from './framing.ts'

/** One keep-alive connection that carries one request at a time. */
export type Connection = {
  /** Sends message `sequence`; `answered` gets the status, or 0 when the connection broke. */
  readonly send: (sequence: number, scheduledAt: number, answered: Answered) => void
  readonly close: () => void
}

export type Target = { readonly port: number; readonly path: string }

type Answered = (status: number) => void

/** Opens a connection to the participant; a broken one is opened again by the next `send`. */
export const connection = async (target: Target): Promise<Connection> => {
  const request: RequestBuffer = requestBuffer(`127.0.0.1:${target.port}`, target.path)
  let socket = await open(target)
  let waiting: Answered | undefined
  const settle: Answered = (status) => {
    const answered = waiting
    waiting = undefined
    answered?.(status)
  }
  const listen = (): void => {
    const read = framer((frame) => settle(Number(frame.head.slice(9, 12))))
    socket.on('data', read)
    socket.on('close', () => settle(0))
  }
  const reopen = async (): Promise<void> => {
    socket = await open(target)
    listen()
  }
  listen()
  return {
    send: (sequence, scheduledAt, answered) => {
      waiting = answered
      request.stamp(sequence, scheduledAt)
      if (socket.destroyed)
        reopen().then(
          () => socket.write(request.bytes),
          () => settle(0),
        )
      else socket.write(request.bytes)
    },
    close: () => socket.destroy(),
  }
}

/** An open socket; after this its errors only show as its close. */
const open = ({ port }: Target): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.on('connect', () => resolve(socket))
    socket.on('error', reject)
  })
