import { connect, type Socket } from 'node:net'
import { type RequestBuffer, requestBuffer } from '../workload/request.ts'
import { framer } from './framing.ts'

/** One keep-alive connection that carries one request at a time. */
export type Connection = {
  /** Sends message `sequence`; `answered` gets the status, or 0 when the connection broke. */
  readonly send: (sequence: number, scheduledAt: number, answered: (status: number) => void) => void
  readonly close: () => void
}

export type Target = { readonly port: number; readonly path: string }

/** Opens a connection to the participant; a broken one is opened again by the next `send`. */
export const connection = async (target: Target): Promise<Connection> => {
  const request: RequestBuffer = requestBuffer(`127.0.0.1:${target.port}`, target.path)
  let waiting: ((status: number) => void) | undefined
  const settle = (status: number): void => {
    const answered = waiting
    waiting = undefined
    answered?.(status)
  }
  let socket: Socket | undefined = await open(target.port, settle, () => {
    socket = undefined
  })
  const write = (to: Socket, sequence: number, scheduledAt: number): void => {
    request.stamp(sequence, scheduledAt)
    to.write(request.bytes)
  }
  const reopen = async (): Promise<Socket> => {
    socket = await open(target.port, settle, () => {
      socket = undefined
    })
    return socket
  }
  return {
    send: (sequence, scheduledAt, answered) => {
      waiting = answered
      if (socket !== undefined) return write(socket, sequence, scheduledAt)
      reopen().then(
        (opened) => write(opened, sequence, scheduledAt),
        () => settle(0),
      )
    },
    close: () => socket?.destroy(),
  }
}

const open = (port: number, settle: (status: number) => void, gone: () => void): Promise<Socket> => {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.once('connect', () => resolve(socket))
  socket.on('error', reject)
  socket.on('close', () => {
    gone()
    settle(0)
  })
  socket.on(
    'data',
    framer((frame) => settle(statusOf(frame.head))),
  )
  return promise
}

const statusOf = (head: string): number => Number(head.slice(9, 12))
