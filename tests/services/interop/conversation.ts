import { connect, type Socket } from 'node:net'

/** A talk with a server over TCP, byte by byte. */
export interface Conversation {
  say(text: string | Uint8Array): void
  /** What was heard up to where `isWhole` says that it is enough; it is then taken. Rejects when the server hangs up. */
  hear(isWhole: (heard: Buffer) => boolean): Promise<Buffer>
  end(): void
}

/** Opens one with a server on a loopback port. */
export async function conversation(port: number): Promise<Conversation> {
  const socket = await connected(port)
  let heard = Buffer.alloc(0)
  let over: Error | null = null
  let look = (): void => undefined
  socket.on('data', (more) => {
    heard = Buffer.concat([heard, more])
    look()
  })
  const hangUp = (error?: Error): void => {
    over ??=
      error ?? new Error(`The server hung up. It had said: ${JSON.stringify(`${heard}`.slice(0, 300))}`)
    look()
  }
  socket.on('error', hangUp).on('close', () => hangUp())
  return {
    say: (text) => void socket.write(text),
    hear: (isWhole) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (isWhole(heard)) {
            const whole = heard
            heard = Buffer.alloc(0)
            resolve(whole)
          } else if (over !== null) reject(over)
        }
        look()
      }),
    end: () => void socket.destroy(),
  }
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(socket)).once('error', reject)
  })
}
