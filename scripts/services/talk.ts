import { connect } from 'node:net'

const limitMs = 2_000

/** Whether a server on a loopback port answers what is said to it as it should. False while it has not said enough. */
export function talks(
  port: number,
  said: string | Uint8Array,
  good: (heard: Buffer) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let heard = Buffer.alloc(0)
    const end = (answer: boolean) => {
      resolve(answer)
      socket.destroy()
    }
    socket.setTimeout(limitMs, () => end(false))
    socket.once('connect', () => socket.write(said))
    socket.on('data', (more) => {
      heard = Buffer.concat([heard, more])
      if (good(heard)) end(true)
    })
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
  })
}
